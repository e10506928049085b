//! Who comes, as people and Cal.com write it and as we compare it.
//!
//! The invariant: what is compared never depends on capitals, spaces or punctuation.

use super::meeting::Attendee;
use crate::calcom::wire;

/// What Cal.com makes of the phone of somebody without an e-mail.
const PHONE_MAIL: &str = "@sms.cal.com";

/// Who comes, as Cal.com has it.
pub(super) fn read(attendee: &wire::Attendee) -> Attendee {
    let email = mail(&attendee.email);
    let told = attendee.phone_number.as_deref().map(phone).unwrap_or_default();
    let (email, of_mail) = match email.strip_suffix(PHONE_MAIL) {
        Some(number) => (String::new(), phone(number)),
        None => (email, String::new()),
    };
    Attendee {
        name: attendee.name.clone(),
        email,
        phone: if told.is_empty() { of_mail } else { told },
        time_zone: attendee.time_zone.clone(),
        language: attendee.language.clone().unwrap_or_default(),
    }
}

/// An e-mail as it is compared.
pub(super) fn mail(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A phone as it is compared: its digits, and a `+` where the country is told.
pub(super) fn phone(text: &str) -> String {
    let text = text.trim();
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    match (text.starts_with('+'), digits.strip_prefix("00")) {
        _ if digits.is_empty() => String::new(),
        (true, _) => format!("+{digits}"),
        (false, Some(abroad)) => format!("+{abroad}"),
        (false, None) => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attendee(email: &str, phone: Option<&str>) -> wire::Attendee {
        let json = serde_json::json!({"name": "Ann", "email": email, "phoneNumber": phone});
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn an_address_made_of_a_phone_is_a_phone() {
        let of = |email, phone| {
            let read = read(&attendee(email, phone));
            (read.email, read.phone)
        };
        let pair = |email: &str, phone: &str| (email.to_owned(), phone.to_owned());
        assert_eq!(of("+4930123456@sms.cal.com", None), pair("", "+4930123456"));
        assert_eq!(of("4930123456@sms.cal.com", Some("+49 30 123-456")), pair("", "+4930123456"));
        assert_eq!(of(" Ann@Example.com", Some("0049 30 1")), pair("ann@example.com", "+49301"));
        assert_eq!(of("ann@example.com", None), pair("ann@example.com", ""));
    }
}
