//! A mail server that says what it is told to say.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

#[derive(Default)]
struct Inner {
    /// Answers to DATA's end, instead of 250.
    tempers: VecDeque<&'static str>,
    letters: Vec<String>,
    refused: Vec<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Mail(Arc<Mutex<Inner>>);

// === impl Mail ===

impl Mail {
    pub(crate) async fn serve(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let mail = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mail = mail.clone();
                tokio::spawn(async move { mail.talk(stream).await });
            }
        });
        url
    }

    pub(crate) fn then(&self, tempers: impl IntoIterator<Item = &'static str>) {
        self.0.lock().unwrap().tempers.extend(tempers);
    }

    /// The letters that were taken.
    pub(crate) fn letters(&self) -> Vec<String> {
        self.0.lock().unwrap().letters.clone()
    }

    /// The letters that were not.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.0.lock().unwrap().refused.clone()
    }

    async fn talk(&self, stream: TcpStream) -> Option<()> {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        write.write_all(b"220 mail.test ready\r\n").await.ok()?;
        while let Some(line) = lines.next_line().await.ok()? {
            let answer = match line.split([' ', ':']).next().unwrap().to_ascii_uppercase().as_str() {
                "EHLO" => "250-mail.test\r\n250 8BITMIME\r\n",
                "MAIL" | "RCPT" | "RSET" | "NOOP" => "250 ok\r\n",
                "DATA" => {
                    write.write_all(b"354 go on\r\n").await.ok()?;
                    let mut letter = String::new();
                    while let Some(line) = lines.next_line().await.ok()?.filter(|line| line != ".") {
                        letter.push_str(line.strip_prefix('.').unwrap_or(&line));
                        letter.push('\n');
                    }
                    self.take(letter)
                }
                "QUIT" => "221 bye\r\n",
                _ => "502 no\r\n",
            };
            write.write_all(answer.as_bytes()).await.ok()?;
        }
        None
    }

    fn take(&self, letter: String) -> &'static str {
        let mut inner = self.0.lock().unwrap();
        match inner.tempers.pop_front() {
            Some(temper) => {
                inner.refused.push(letter);
                temper
            }
            None => {
                inner.letters.push(letter);
                "250 taken\r\n"
            }
        }
    }
}

/// A header of a letter.
pub(crate) fn header<'l>(letter: &'l str, name: &str) -> &'l str {
    let head = letter.split("\n\n").next().unwrap();
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}
