//! Server-sent events, read as they arrive.
//!
//! After the HTML standard: lines end in LF, CRLF or CR, a blank line ends an event, lines that begin with a colon say
//! nothing. The invariant: however the bytes are cut into chunks, the same events come out.

use super::Failure;

/// Longest event, in bytes.
const LONGEST: usize = 1024 * 1024;

/// Reads a stream of events; what is kept is their data.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    line: Vec<u8>,
    data: Option<String>,
    /// The last byte was a CR: an LF that follows belongs to it.
    after_cr: bool,
    begun: bool,
}

// === impl Parser ===

impl Parser {
    /// Takes in the next bytes; answers the data of every event that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Vec<String>, Failure> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            let (part, after) = rest.split_at(end);
            let paired = self.after_cr && part.is_empty() && self.line.is_empty() && after[0] == b'\n';
            self.after_cr = after[0] == b'\r';
            rest = &after[1..];
            if paired {
                continue;
            }
            self.extend(part)?;
            let line = std::mem::take(&mut self.line);
            events.extend(self.line(&line)?);
        }
        if !rest.is_empty() {
            self.after_cr = false;
            self.extend(rest)?;
        }
        Ok(events)
    }

    fn extend(&mut self, part: &[u8]) -> Result<(), Failure> {
        let held = self.line.len() + self.data.as_ref().map_or(0, String::len);
        if held + part.len() > LONGEST {
            return Err(Failure::Malformed("an event is longer than 1 MB"));
        }
        self.line.extend_from_slice(part);
        Ok(())
    }

    /// Takes in a whole line; answers the event's data if it ends one.
    fn line(&mut self, line: &[u8]) -> Result<Option<String>, Failure> {
        let line = std::str::from_utf8(line).map_err(|_| Failure::Malformed("it is not UTF-8"))?;
        let line = if self.begun { line } else { line.trim_start_matches('\u{feff}') };
        self.begun = true;
        if line.is_empty() {
            return Ok(self.data.take());
        }
        // the type stands in the data too; ids and retry times mean nothing here
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        if field == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&[u8]]) -> Vec<String> {
        let mut parser = Parser::default();
        chunks.iter().flat_map(|chunk| parser.push(chunk).expect("sound")).collect()
    }

    #[test]
    fn however_it_is_cut_the_same_events_come_out() {
        let stream = "\u{feff}: hello\nevent: a\ndata: {\"t\":\"grüße 🎈\"}\n\ndata: one\r\ndata:two\r\n\r\n\
            retry: 5\rdata\r\rid: 1\n\n\ndata: [DONE]\n\n"
            .as_bytes();
        let whole = events(&[stream]);
        assert_eq!(whole, ["{\"t\":\"grüße 🎈\"}", "one\ntwo", "", "[DONE]"]);
        for cut in 0..=stream.len() {
            let (left, right) = stream.split_at(cut);
            assert_eq!(events(&[left, right]), whole, "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(events(&bytes), whole);
    }

    #[test]
    fn what_has_not_ended_is_no_event() {
        assert!(events(&[b"data: half\n"]).is_empty());
    }

    #[test]
    fn garbage_is_refused() {
        assert!(matches!(Parser::default().push(b"data: \xff\xfe\n\n"), Err(Failure::Malformed(_))));
        let mut parser = Parser::default();
        let flood = vec![b'x'; LONGEST];
        assert!(parser.push(&flood).is_ok());
        assert!(matches!(parser.push(b"x"), Err(Failure::Malformed(_))));
    }
}
