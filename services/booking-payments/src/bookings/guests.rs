//! Who comes, as Cal.com writes it and as we compare it.
//!
//! The invariant: an address that Cal.com has made of a phone is kept as the phone.

use domain::reach;

use super::meeting::Attendee;
use crate::calcom::wire;

/// Who comes, as Cal.com has it.
pub(super) fn read(attendee: &wire::Attendee) -> Attendee {
    let (email, phone) = reach::read(&attendee.email, attendee.phone_number.as_deref().unwrap_or_default());
    Attendee {
        name: attendee.name.clone(),
        email,
        phone,
        time_zone: attendee.time_zone.clone(),
        language: attendee.language.clone().unwrap_or_default(),
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
        assert_eq!(of("4930123456@sms.cal.com", None), pair("", "+4930123456"));
        assert_eq!(of("4930123456@sms.cal.com", Some("+49 30 123-456")), pair("", "+4930123456"));
        assert_eq!(of(" Ann@Example.com", Some("0049 (0)30 901820")), pair("ann@example.com", "+4930901820"));
        assert_eq!(of("ann@example.com", None), pair("ann@example.com", ""));
    }
}
