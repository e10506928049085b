//! One talk with a client.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::{LONGEST_LETTER, letter};
use crate::{FaultKind, Sandbox};

/// Longest command, and longest line of a letter, with its end (RFC 5321, 4.5.3.1).
const COMMAND: usize = 512;
const LINE: usize = 1_000;
/// Most recipients of a letter.
const RECIPIENTS: usize = 100;
/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// A talk, and how far it is.
pub(super) struct Session {
    stream: TcpStream,
    sandbox: Sandbox,
    /// What came and is not read yet.
    rest: Vec<u8>,
    greeted: bool,
    from: Option<String>,
    to: Vec<String>,
}

/// What a letter's data came to.
enum Data {
    Whole(Vec<u8>),
    /// The reply that refuses it.
    Refused(&'static str),
}

impl Session {
    pub(super) fn new(stream: TcpStream, sandbox: Sandbox) -> Self {
        Self { stream, sandbox, rest: Vec::new(), greeted: false, from: None, to: Vec::new() }
    }

    pub(super) async fn run(mut self) -> io::Result<()> {
        if let Some(refusal) = self.meet("CONNECT").await? {
            return self.say(&refusal).await;
        }
        self.say("220 sandbox ESMTP").await?;
        loop {
            let Some(line) = self.line(COMMAND).await? else {
                self.say("500 line too long, or not ended by CRLF").await?;
                return Ok(());
            };
            let line = String::from_utf8_lossy(&line).into_owned();
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "QUIT" => return self.say("221 bye").await,
                "DATA" => self.data().await?,
                "RCPT" => self.recipient(rest).await?,
                verb => {
                    let reply = self.command(verb, rest);
                    self.say(&reply).await?;
                }
            }
        }
    }

    fn command(&mut self, verb: &str, rest: &str) -> String {
        match verb {
            "EHLO" | "HELO" if rest.trim().is_empty() => "501 who are you?".to_owned(),
            "EHLO" => {
                self.reset();
                self.greeted = true;
                format!("250-sandbox\r\n250-SIZE {LONGEST_LETTER}\r\n250 8BITMIME")
            }
            "HELO" => {
                self.reset();
                self.greeted = true;
                "250 sandbox".to_owned()
            }
            "MAIL" => self.sender(rest).to_owned(),
            "RSET" => {
                self.reset();
                "250 ok".to_owned()
            }
            "NOOP" => "250 ok".to_owned(),
            "VRFY" => "252 perhaps".to_owned(),
            _ => "502 not known here".to_owned(),
        }
    }

    fn sender(&mut self, rest: &str) -> &'static str {
        if !self.greeted || self.from.is_some() {
            return "503 not now";
        }
        let Some((address, parameters)) = path(rest, "FROM:") else { return "501 MAIL FROM:<address>" };
        for parameter in parameters {
            match parameter.split_once('=').unwrap_or((parameter, "")) {
                (name, size) if name.eq_ignore_ascii_case("SIZE") => match size.parse::<usize>() {
                    Ok(size) if size <= LONGEST_LETTER => {}
                    Ok(_) => return "552 too large",
                    Err(_) => return "501 SIZE is a number",
                },
                (name, body) if name.eq_ignore_ascii_case("BODY") => {
                    if !["7BIT", "8BITMIME"].iter().any(|known| known.eq_ignore_ascii_case(body)) {
                        return "501 BODY is 7BIT or 8BITMIME";
                    }
                }
                _ => return "555 no such parameter",
            }
        }
        self.from = Some(address);
        "250 ok"
    }

    async fn recipient(&mut self, rest: &str) -> io::Result<()> {
        let reply = match path(rest, "TO:") {
            _ if self.from.is_none() => "503 not now",
            Some((address, parameters)) if !address.is_empty() && parameters.is_empty() => {
                if let Some(refusal) = self.meet("RCPT").await? {
                    return self.say(&refusal).await;
                }
                if self.to.len() == RECIPIENTS {
                    "452 too many recipients"
                } else {
                    self.to.push(address);
                    "250 ok"
                }
            }
            _ => "501 RCPT TO:<address>",
        };
        self.say(reply).await
    }

    async fn data(&mut self) -> io::Result<()> {
        if self.to.is_empty() {
            return self.say("503 not now").await;
        }
        self.say("354 go on, end with a dot").await?;
        let data = match self.letter().await? {
            Data::Whole(data) => data,
            Data::Refused(reply) => {
                self.reset();
                return self.say(reply).await;
            }
        };
        let (from, to) = (self.from.take().unwrap_or_default(), std::mem::take(&mut self.to));
        let fault = self.sandbox.meet_in_mail("LETTER");
        let is_taken = fault == Some(FaultKind::AppliedNoAnswer);
        if let Some(fault) = fault.filter(|_| !is_taken)
            && let Some(refusal) = self.suffer(fault).await?
        {
            return self.say(&refusal).await;
        }
        let reply = match letter::read(&data, from, to) {
            Ok(told) => {
                let sandbox = self.sandbox.clone();
                match tokio::task::spawn_blocking(move || sandbox.0.notices.add(&told)).await {
                    Ok(Ok(())) => "250 taken".to_owned(),
                    _ => "451 try later".to_owned(),
                }
            }
            Err(why) => format!("554 {why}"),
        };
        if is_taken {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.say(&reply).await
    }

    /// The lines of a letter up to the dot, without the dots that were put before others (RFC 5321, 4.5.2).
    async fn letter(&mut self) -> io::Result<Data> {
        let (mut data, mut refused) = (Vec::new(), None);
        loop {
            let Some(line) = self.line(LINE).await? else {
                return Ok(Data::Refused("500 line too long, or not ended by CRLF"));
            };
            if line == b"." {
                return Ok(refused.map_or(Data::Whole(data), Data::Refused));
            }
            let line = line.strip_prefix(b".").unwrap_or(&line);
            if data.len() + line.len() + 2 > LONGEST_LETTER {
                refused = Some("552 too large");
                data.clear();
            } else if refused.is_none() {
                data.extend_from_slice(line);
                data.extend_from_slice(b"\r\n");
            }
        }
    }

    /// The next line without its end; none if it is too long or ends by something else than CRLF.
    async fn line(&mut self, longest: usize) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.rest.drain(..=end).collect();
                let is_sound = line.len() <= longest && line.ends_with(b"\r\n");
                line.truncate(line.len().saturating_sub(2));
                return Ok((is_sound && !line.contains(&b'\r')).then_some(line));
            }
            if self.rest.len() > longest {
                return Ok(None);
            }
            let mut bytes = [0; 4_096];
            let read = tokio::time::timeout(PATIENCE, self.stream.read(&mut bytes)).await;
            match read.map_err(|_| io::ErrorKind::TimedOut)?? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => self.rest.extend_from_slice(&bytes[..read]),
            }
        }
    }

    /// Lets a step meet its fault: the reply that refuses it, or an error that ends the talk.
    async fn meet(&mut self, step: &str) -> io::Result<Option<String>> {
        match self.sandbox.meet_in_mail(step) {
            Some(fault) => self.suffer(fault).await,
            None => Ok(None),
        }
    }

    async fn suffer(&mut self, fault: FaultKind) -> io::Result<Option<String>> {
        match fault {
            FaultKind::Latency(time) => {
                tokio::time::sleep(time).await;
                Ok(None)
            }
            FaultKind::Hang(time) => {
                tokio::time::sleep(time).await;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            FaultKind::Status(503) | FaultKind::RateLimited { .. } => {
                Ok(Some("421 come again later".to_owned()))
            }
            FaultKind::Status(code) => Ok(Some(format!("{code} as it was asked for"))),
            _ => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn reset(&mut self) {
        self.from = None;
        self.to.clear();
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.write_all(format!("{reply}\r\n").as_bytes()).await
    }
}

/// The address in `FROM:<address>`, and what follows it.
fn path<'r>(rest: &'r str, word: &str) -> Option<(String, Vec<&'r str>)> {
    let (begin, rest) = rest.split_at_checked(word.len())?;
    let (address, parameters) = rest.strip_prefix('<')?.split_once('>')?;
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',');
    let is_sound = address.is_empty()
        || (address.chars().all(plain)
            && address.split_once('@').is_some_and(|(who, at)| !who.is_empty() && !at.is_empty()));
    (begin.eq_ignore_ascii_case(word) && is_sound)
        .then(|| (address.to_owned(), parameters.split_whitespace().collect()))
}
