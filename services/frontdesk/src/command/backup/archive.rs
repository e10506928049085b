//! The file of a backup: JSON lines.
//!
//! The first line says what it is, each of the others is one document, the last one counts them and has the SHA-256 of
//! all bytes before it. The invariant: a file that was cut off or changed anywhere is recognised before anything of it
//! is used.

use std::{
    collections::BTreeMap,
    io::{self, BufRead, Read as _, Write},
};

use jiff::Timestamp;
use proto::common::v1::Document;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Version of the lines' form.
const FORMAT: u32 = 1;
/// Longest line: the largest document, with room to spare.
const LONGEST: u64 = 4 << 20;

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::command) struct Header {
    frontdesk_backup: u32,
    /// When it was begun.
    pub(in crate::command) taken_at: Timestamp,
    /// Version of the documents' shape, by service.
    pub(in crate::command) schemas: BTreeMap<String, u32>,
}

/// A line of a document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::command) struct Line {
    pub(in crate::command) service: String,
    pub(in crate::command) collection: String,
    pub(in crate::command) id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::command) expires_at: Option<Timestamp>,
    pub(in crate::command) body: Value,
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::command) struct End {
    /// How many documents, by service.
    pub(in crate::command) documents: BTreeMap<String, u64>,
    /// SHA-256 of what stands before this line, in hex.
    pub(in crate::command) sha256: String,
}

/// Writes a backup.
pub(super) struct Writer<W> {
    out: W,
    hash: Sha256,
    bytes: u64,
    documents: BTreeMap<String, u64>,
}

/// Reads a backup line by line.
pub(in crate::command) struct Reader<R> {
    from: R,
    hash: Sha256,
    buffer: Vec<u8>,
}

/// What stands in the next line.
#[derive(Debug, PartialEq)]
pub(in crate::command) enum Next {
    /// A document.
    Document(Box<Line>),
    /// The last line, which says the truth about the hash.
    End(End),
}

// === impl Header ===

impl Header {
    pub(super) fn new(taken_at: Timestamp, schemas: BTreeMap<String, u32>) -> Self {
        Self { frontdesk_backup: FORMAT, taken_at, schemas }
    }
}

// === impl Writer ===

impl<W: Write> Writer<W> {
    /// Begins with `header`, whose services count their documents from 0.
    pub(super) fn begin(out: W, header: &Header) -> io::Result<Self> {
        let documents = header.schemas.keys().map(|service| (service.clone(), 0)).collect();
        let mut writer = Self { out, hash: Sha256::new(), bytes: 0, documents };
        writer.line(&serde_json::to_string(header)?)?;
        Ok(writer)
    }

    pub(super) fn document(&mut self, service: &str, document: &Document) -> io::Result<()> {
        let expire_time = document.expire_time.as_ref();
        let line = Line {
            service: service.to_owned(),
            collection: document.collection.clone(),
            id: document.document_id.clone(),
            expires_at: expire_time.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok()),
            body: serde_json::from_str(&document.body)?,
        };
        self.line(&serde_json::to_string(&line)?)?;
        *self.documents.entry(line.service).or_default() += 1;
        Ok(())
    }

    /// How many documents there are so far.
    pub(super) fn documents(&self) -> u64 {
        self.documents.values().sum()
    }

    /// Writes the last line; answers it, and how many bytes there are.
    pub(super) fn finish(mut self) -> io::Result<(End, u64, W)> {
        let sha256 = domain::id::hex(&self.hash.clone().finalize());
        let end = End { documents: self.documents.clone(), sha256 };
        self.line(&serde_json::to_string(&end)?)?;
        self.out.flush()?;
        Ok((end, self.bytes, self.out))
    }

    fn line(&mut self, text: &str) -> io::Result<()> {
        for bytes in [text.as_bytes(), b"\n"] {
            self.hash.update(bytes);
            self.out.write_all(bytes)?;
            self.bytes += bytes.len() as u64;
        }
        Ok(())
    }
}

// === impl Reader ===

impl<R: BufRead> Reader<R> {
    /// Reads the first line.
    ///
    /// # Errors
    /// What is wrong with it, in words that go on from the file's name.
    pub(in crate::command) fn begin(from: R) -> Result<(Self, Header), String> {
        let mut reader = Self { from, hash: Sha256::new(), buffer: Vec::new() };
        if !reader.read()? {
            return Err("is empty".to_owned());
        }
        let first: Value = serde_json::from_slice(&reader.buffer).unwrap_or_default();
        match first["frontdesk_backup"].as_u64() {
            None => return Err("is no backup of frontdesk".to_owned()),
            Some(format) if format > u64::from(FORMAT) => {
                return Err(format!("has format {format}, which is newer than this program"));
            }
            Some(_) => {}
        }
        let header = serde_json::from_value(first).map_err(|_| "has a malformed first line".to_owned())?;
        reader.hash.update(&reader.buffer);
        Ok((reader, header))
    }

    /// Reads the next line.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(in crate::command) fn next(&mut self) -> Result<Next, String> {
        let cut_off = "is cut off: its last line is missing";
        // A line that does not end is a part of one.
        if !self.read()? || self.buffer.last() != Some(&b'\n') {
            return Err(cut_off.to_owned());
        }
        if let Ok(line) = serde_json::from_slice::<Line>(&self.buffer) {
            self.hash.update(&self.buffer);
            return Ok(Next::Document(Box::new(line)));
        }
        let Ok(end) = serde_json::from_slice::<End>(&self.buffer) else {
            return Err("has a line that is no document".to_owned());
        };
        if domain::id::hex(&self.hash.clone().finalize()) != end.sha256 {
            return Err("was changed since it was written: its hash is another".to_owned());
        }
        if self.read()? {
            return Err("goes on after its last line".to_owned());
        }
        Ok(Next::End(end))
    }

    /// Reads a line into the buffer; false at the end.
    fn read(&mut self) -> Result<bool, String> {
        self.buffer.clear();
        let read = self.from.by_ref().take(LONGEST).read_until(b'\n', &mut self.buffer);
        match read {
            Ok(bytes) if bytes as u64 == LONGEST => Err("has a line that is too long".to_owned()),
            Ok(bytes) => Ok(bytes > 0),
            Err(why) => Err(format!("cannot be read: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn header() -> Header {
        Header::new(Timestamp::UNIX_EPOCH, [("desk".to_owned(), 3)].into())
    }

    /// A backup of two documents.
    fn written() -> Vec<u8> {
        let mut writer = Writer::begin(Vec::new(), &header()).unwrap();
        for id in ["a", "b"] {
            let expire_time = Some(prost_types::Timestamp { seconds: 7, nanos: 5_000_000 });
            let body = json!({"text": "snow ☃\n", "x": 123_456_789.123_456_78}).to_string();
            let (collection, document_id) = ("people".to_owned(), id.to_owned());
            writer.document("desk", &Document { collection, document_id, expire_time, body }).unwrap();
        }
        assert_eq!(writer.documents(), 2);
        let (end, bytes, out) = writer.finish().unwrap();
        assert_eq!((end.documents["desk"], bytes), (2, out.len() as u64));
        out
    }

    fn read(bytes: &[u8]) -> Result<(Header, Vec<Line>, End), String> {
        let (mut reader, header) = Reader::begin(bytes)?;
        let mut lines = Vec::new();
        loop {
            match reader.next()? {
                Next::Document(line) => lines.push(*line),
                Next::End(end) => return Ok((header, lines, end)),
            }
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let (found, lines, end) = read(&written()).unwrap();
        assert_eq!((found, end.documents), (header(), [("desk".to_owned(), 2)].into()));
        let line = &lines[1];
        assert_eq!((&*line.service, &*line.collection, &*line.id), ("desk", "people", "b"));
        assert_eq!(line.expires_at.unwrap().as_millisecond(), 7_005);
        assert_eq!(line.body.to_string(), "{\"text\":\"snow ☃\\n\",\"x\":123456789.12345678}");
    }

    #[test]
    fn a_file_that_ends_anywhere_is_cut_off() {
        let whole = written();
        for length in 0..whole.len() {
            let why = read(&whole[..length]).unwrap_err();
            assert!(!why.is_empty(), "{length}");
        }
        let before_the_end = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        assert_eq!(read(&whole[..before_the_end]).unwrap_err(), "is cut off: its last line is missing");
    }

    #[test]
    fn a_changed_byte_is_found_wherever_it_is() {
        let whole = written();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            // The counts are held against the lines by whoever reads them; the rest is told by the hash.
            match read(&changed) {
                Err(why) => assert!(!why.is_empty()),
                Ok((_, lines, end)) => {
                    assert!(end.documents.get("desk") != Some(&(lines.len() as u64)), "byte {at}");
                }
            }
        }
        let more = [whole.as_slice(), b"\n"].concat();
        assert_eq!(read(&more).unwrap_err(), "goes on after its last line");
        assert_eq!(read(b"{}\n").unwrap_err(), "is no backup of frontdesk");
        assert_eq!(read(b"").unwrap_err(), "is empty");
        let newer = read(b"{\"frontdesk_backup\":2}\n").unwrap_err();
        assert_eq!(newer, "has format 2, which is newer than this program");
    }
}
