//! A client that costs little: one HTTP/1.1 connection, one blocking request after the other.
//!
//! It exists because load and services share the processors, and what the load takes the services have not. The
//! invariant: an answer counts only if its status and its text are the wanted ones.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a wrong answer, what is shown.
const SHOWN: usize = 300;

/// A request and what its answer must be.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    status: u16,
    /// A part of the answer's body.
    text: String,
}

/// One connection.
pub(crate) struct Browser {
    stream: TcpStream,
    received: Vec<u8>,
}

// === impl Request ===

impl Request {
    /// A `GET` that wants 200.
    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path, &[], "").wants(200, "")
    }

    /// A `POST` of JSON.
    pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        Self::new("POST", path, headers, body)
    }

    fn new(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Self {
        let length = body.len();
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let bytes = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        );
        Self { bytes: bytes.into_bytes(), status: 200, text: String::new() }
    }

    /// What the answer must be.
    pub(crate) fn wants(self, status: u16, text: impl Into<String>) -> Self {
        Self { status, text: text.into(), ..self }
    }
}

// === impl Browser ===

impl Browser {
    pub(crate) fn connect(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("nobody listens on {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, received: Vec::with_capacity(16 << 10) })
    }

    /// Asks, and answers the body.
    pub(crate) fn ask(&mut self, request: &Request) -> anyhow::Result<&[u8]> {
        self.stream.write_all(&request.bytes).context("the request was not taken")?;
        self.received.clear();
        let (status, body) = loop {
            if let Some(head) = Head::read(&self.received)? {
                while self.received.len() < head.end + head.length {
                    self.receive()?;
                }
                break (head.status, head.end..head.end + head.length);
            }
            self.receive()?;
        };
        let body = &self.received[body];
        let text = std::str::from_utf8(body).context("the answer is not UTF-8")?;
        ensure!(
            status == request.status && text.contains(&request.text),
            "answered {status}, wanted {} with {:?}: {}",
            request.status,
            request.text,
            text.chars().take(SHOWN).collect::<String>()
        );
        Ok(body)
    }

    fn receive(&mut self) -> anyhow::Result<()> {
        let mut part = [0; 16 << 10];
        match self.stream.read(&mut part) {
            Ok(0) => bail!("the connection was closed"),
            Ok(size) => self.received.extend_from_slice(&part[..size]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error).context("no answer"),
        }
        Ok(())
    }
}

/// The head of an answer.
struct Head {
    status: u16,
    /// Where the body begins, and how long it is.
    end: usize,
    length: usize,
}

// === impl Head ===

impl Head {
    /// `None` while it has not come whole.
    fn read(received: &[u8]) -> anyhow::Result<Option<Self>> {
        let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        let head = std::str::from_utf8(&received[..end]).context("the answer's head is not text")?;
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status")?;
        let is_length = |name: &str| name.eq_ignore_ascii_case("content-length");
        let mut fields = lines.filter_map(|line| line.split_once(':'));
        let length = fields.find(|(name, _)| is_length(name)).context("an answer without a length")?.1;
        Ok(Some(Self { status: status.parse()?, end: end + 4, length: length.trim().parse()? }))
    }
}
