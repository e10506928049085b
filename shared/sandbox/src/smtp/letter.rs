//! Reading a letter (RFC 5322), as people see it.
//!
//! The invariant: a letter that lacks what it must have, or has it twice, is not taken.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;

use crate::told::{Letter, Told};

/// Headers that stand in every letter of ours exactly once.
const ONCE: [&str; 5] = ["from", "to", "subject", "date", "message-id"];

/// Reads what came from `from` for `to`.
pub(super) fn read(data: &[u8], from: String, to: Vec<String>) -> Result<Told, &'static str> {
    let raw = String::from_utf8(data.to_vec()).map_err(|_| "no text")?;
    let (head, body) = raw.split_once("\r\n\r\n").ok_or("no body")?;
    let headers = headers(head)?;
    let all = |name: &str| {
        headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.as_str()).collect::<Vec<_>>()
    };
    if ONCE.iter().any(|name| all(name).len() != 1) {
        return Err("a header is missing, or stands twice");
    }
    let message_id = all("message-id")[0].trim().to_owned();
    if !(message_id.starts_with('<') && message_id.ends_with('>') && message_id.contains('@')) {
        return Err("Message-ID is none");
    }
    if jiff::fmt::rfc2822::parse(all("date")[0].trim()).is_err() {
        return Err("Date is none");
    }
    let encoding =
        all("content-transfer-encoding").first().map(|encoding| encoding.trim().to_ascii_lowercase());
    let text = match encoding.as_deref() {
        Some("quoted-printable") => quoted(body.as_bytes(), false),
        Some("base64") => BASE64_STANDARD.decode(body.split_whitespace().collect::<String>()).ok(),
        _ => Some(body.as_bytes().to_vec()),
    };
    let text = text.and_then(|text| String::from_utf8(text).ok()).ok_or("a body that cannot be read")?;
    let subject = words(all("subject")[0].trim()).ok_or("a subject that cannot be read")?;
    let letter = Letter { from, to, subject, message_id, raw };
    Ok(Told {
        way: "email".to_owned(),
        at: Timestamp::now(),
        text: text.replace("\r\n", "\n"),
        letter: Some(letter),
    })
}

/// Names in lower case, and values without folds.
fn headers(head: &str) -> Result<Vec<(String, String)>, &'static str> {
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in head.split("\r\n") {
        if line.starts_with([' ', '\t']) {
            let (_, value) = headers.last_mut().ok_or("a fold before the first header")?;
            value.push_str(line);
        } else {
            let (name, value) = line.split_once(':').ok_or("a line that is no header")?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
                return Err("a header without a name");
            }
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    Ok(headers)
}

/// What quoted-printable says (RFC 2045, 6.7), or in a header the Q encoding (RFC 2047, 4.2).
fn quoted(text: &[u8], header: bool) -> Option<Vec<u8>> {
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'=' if text.get(at + 1..at + 3) == Some(b"\r\n") => at += 3,
            b'=' => {
                let hex = std::str::from_utf8(text.get(at + 1..at + 3)?).ok()?;
                bytes.push(u8::from_str_radix(hex, 16).ok()?);
                at += 3;
            }
            byte => {
                bytes.push(if header && *byte == b'_' { b' ' } else { *byte });
                at += 1;
            }
        }
    }
    Some(bytes)
}

/// A header with encoded words, decoded; blanks between two of them are none.
fn words(text: &str) -> Option<String> {
    let (mut bytes, mut was_encoded) = (Vec::new(), false);
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let parts: Vec<&str> = word
            .strip_prefix("=?")
            .and_then(|word| word.strip_suffix("?="))
            .map(|word| word.splitn(3, '?').collect())
            .unwrap_or_default();
        let decoded = match parts.as_slice() {
            [_, encoding, text] if encoding.eq_ignore_ascii_case("b") => {
                Some(BASE64_STANDARD.decode(text).ok()?)
            }
            [_, encoding, text] if encoding.eq_ignore_ascii_case("q") => Some(quoted(text.as_bytes(), true)?),
            _ => None,
        };
        let joins = was_encoded && decoded.is_some();
        if !bytes.is_empty() && !joins {
            bytes.push(b' ');
        }
        was_encoded = decoded.is_some();
        bytes.extend(decoded.unwrap_or_else(|| word.as_bytes().to_vec()));
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "From: a@b.example\r\nTo: c@d.example\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\nMessage-ID: <1@b.example>\r\n";

    fn told(more: &str) -> Result<Told, &'static str> {
        read(format!("{HEAD}{more}").as_bytes(), "a@b.example".into(), vec!["c@d.example".into()])
    }

    #[test]
    fn a_letter_is_decoded() {
        let letter = "Subject: =?utf-8?b?R3LDtsOf?= =?utf-8?q?e_=E2=80=A6?=\r\n and more\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=C3=A4=\r\nb\r\n";
        let told = told(letter).unwrap();
        assert_eq!(
            (told.letter.unwrap().subject.as_str(), told.text.as_str()),
            ("Größe … and more", "aäb\n")
        );
    }

    #[test]
    fn what_lacks_something_is_refused() {
        for bad in
            ["\r\nx", "Subject: a\r\nSubject: b\r\n\r\nx", "Subject: a\r\nBcc\r\n\r\nx", "Subject: a\r\n"]
        {
            assert!(told(bad).is_err(), "{bad}");
        }
    }
}
