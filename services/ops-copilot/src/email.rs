//! Mail, by a server that the owner names.
//!
//! The invariant: a letter has the same Message-ID, date and words however often it is sent, so that one that came twice is
//! recognised; no header of it can be made from outside; and nothing of a server's answer goes any further but its code.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use chassis::Problem;
use jiff::Timestamp;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, Mailboxes,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error,
        client::{Certificate, Tls, TlsParameters},
    },
};
use store::queue::Trouble;

use crate::{
    config::{Encryption, People, Sender, Smtp},
    notices::Letter,
};

/// Longest wait for one answer of the server.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest that a whole delivery may take.
const DELIVERY: Duration = Duration::from_secs(40);
/// What is wrong with a file of authorities.
const UNREADABLE: &str = "must be a PEM file of certificates";
/// Longest subject, in characters.
const SUBJECT: usize = 200;

/// The way to a mail server.
#[derive(Clone)]
pub(crate) struct Client {
    smtp: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Mailboxes,
}

// === impl Client ===

impl Client {
    /// Mail from `from` to `to` by a server whose certificate a public authority has signed, or one of `authorities`.
    ///
    /// # Errors
    /// The server's address or the file is unsound.
    pub(crate) fn new(
        smtp: &Smtp,
        authorities: Option<&Path>,
        from: &Sender,
        to: &People,
    ) -> Result<Self, Problem> {
        chassis::http::ensure_crypto();
        let unsound = |why: &str| Problem::new("SMTP_URL", why);
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(smtp.expose())
            .map_err(|_| unsound("is no address of a mail server"))?;
        if let (Some(how), Some(file)) = (smtp.tls(), authorities) {
            let authority = authority(file).map_err(|why| Problem::new("SMTP_CA_FILE", why))?;
            let trust = TlsParameters::builder(smtp.host().to_owned()).add_root_certificate(authority);
            let trust = trust.build().map_err(|_| Problem::new("SMTP_CA_FILE", UNREADABLE))?;
            transport = transport.tls(match how {
                Encryption::FromTheStart => Tls::Wrapper(trust),
                Encryption::Starttls => Tls::Required(trust),
            });
        }
        Ok(Self { smtp: transport.timeout(Some(ANSWER)).build(), from: from.0.clone(), to: to.0.clone() })
    }

    /// Sends one letter, known as `id`, that was written at `at`.
    pub(crate) async fn send(&self, id: &str, at: Timestamp, letter: &Letter) -> Result<(), Trouble> {
        let message =
            self.message(id, at, letter).map_err(|_| Trouble::hopeless("the letter cannot be written"))?;
        match tokio::time::timeout(DELIVERY, self.smtp.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(trouble(&error)),
            Err(_) => Err(Trouble::new("the mail server took too long")),
        }
    }

    /// Whether the server is there and takes user and password.
    ///
    /// # Errors
    /// What is wrong, in one line.
    pub(crate) async fn probe(&self) -> Result<(), String> {
        match tokio::time::timeout(DELIVERY, self.smtp.test_connection()).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the mail server answers, and takes no mail".to_owned()),
            Ok(Err(error)) => Err(trouble(&error).why),
            Err(_) => Err("the mail server took too long".to_owned()),
        }
    }

    fn message(&self, id: &str, at: Timestamp, letter: &Letter) -> Result<Message, lettre::error::Error> {
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(one_line(&letter.title))
            .date(SystemTime::from(at))
            .message_id(Some(format!("<{id}@{}>", self.from.email.domain())))
            .header(ContentType::TEXT_PLAIN)
            // No out-of-office reply (RFC 3834, 5).
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        for mailbox in self.to.iter() {
            builder = builder.to(mailbox.clone());
        }
        let mut body = letter.text.trim_end().to_owned();
        if let Some(link) = &letter.link {
            body.push_str("\n\n");
            body.push_str(link);
        }
        body.push('\n');
        builder.body(body)
    }
}

/// The certificates of a PEM file.
///
/// # Errors
/// Why they cannot be used.
pub(crate) fn authority(file: &Path) -> Result<Certificate, String> {
    let pem = std::fs::read(file).map_err(|_| "cannot be read")?;
    let begin = b"-----BEGIN CERTIFICATE-----";
    if !pem.windows(begin.len()).any(|part| part == begin) {
        return Err(UNREADABLE.to_owned());
    }
    let read = Certificate::from_pem(&pem).map_err(|_| UNREADABLE)?;
    let sound = TlsParameters::builder("localhost".to_owned()).add_root_certificate(read.clone()).build();
    sound.map(|_| read).map_err(|_| UNREADABLE.to_owned())
}

/// A title on one line of its own.
fn one_line(title: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    title.chars().map(plain).take(SUBJECT).collect()
}

/// The server showed no certificate that is trusted, or none of its name: what TLS refuses comes as unsound data.
fn is_untrusted(error: &Error) -> bool {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let unsound = |io: &std::io::Error| io.kind() == std::io::ErrorKind::InvalidData;
    error.is_tls() || causes.filter_map(|cause| cause.downcast_ref()).any(unsound)
}

fn trouble(error: &Error) -> Trouble {
    let code = error.status().map(|code| code.to_string());
    match code {
        Some(code) if error.is_permanent() => {
            Trouble::hopeless(format!("the mail server refused with {code}"))
        }
        Some(code) => Trouble::new(format!("the mail server answered {code}")),
        None if error.is_timeout() => Trouble::new("the mail server did not answer in time"),
        None if is_untrusted(error) => Trouble::new("no trusted connection to the mail server"),
        None => Trouble::new("no connection to the mail server, or it broke"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(letter: &Letter) -> String {
        let client = Client::new(
            &Smtp::parse("smtp://127.0.0.1:9").unwrap(),
            None,
            &Sender::parse("Desk <desk@example.com>").unwrap(),
            &People::parse("a@b.example, c@d.example").unwrap(),
        );
        let message = client.unwrap().message("ntf_1.email", Timestamp::UNIX_EPOCH, letter).unwrap();
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_title_makes_no_header() {
        let letter = Letter {
            title: "Hello\r\nBcc: all@evil.example\n\nand a body".into(),
            text: "Line\r\n.\r\nBcc: x".into(),
            link: None,
        };
        let written = written(&letter);
        let (head, _) = written.split_once("\r\n\r\n").unwrap();
        let names: Vec<_> = head
            .lines()
            .filter(|line| !line.starts_with(' '))
            .map(|line| line.split_once(':').unwrap().0)
            .collect();
        assert!(names.iter().all(|name| !name.eq_ignore_ascii_case("bcc")), "{head}");
        assert_eq!(names.iter().filter(|name| **name == "Subject").count(), 1, "{head}");
        assert!(head.contains("Message-ID: <ntf_1.email@example.com>"), "{head}");
        assert!(
            head.contains("Auto-Submitted: auto-generated") && head.contains("To: a@b.example, c@d.example")
        );
    }

    #[test]
    fn a_letter_is_the_same_however_often_it_is_written() {
        let letter =
            Letter { title: "Größe".into(), text: "ä".into(), link: Some("https://a.example".into()) };
        assert_eq!(written(&letter), written(&letter));
        assert!(written(&letter).contains("Date: Thu, 01 Jan 1970 00:00:00 +0000"));
    }

    #[test]
    fn a_file_that_is_no_authority_is_refused_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "s3same", "-----BEGIN CERTIFICATE-----\ns3same", empty] {
            let file = dir.path().join("authority.pem");
            std::fs::write(&file, text).unwrap();
            assert_eq!(authority(&file).unwrap_err(), UNREADABLE, "{text}");
        }
        assert_eq!(authority(&dir.path().join("none")).unwrap_err(), "cannot be read");
    }
}
