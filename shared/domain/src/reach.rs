//! By what people are reached, e-mail and phone, as it is compared.
//!
//! Services that compare in two ways take one person for two, and an erasure misses what the other has. A phone is E.164
//! by Google's numbering plans where the country is told. No region is assumed: `030 12345` is a number in Berlin and in
//! many other towns, so without `+` or `00` it stays the digits that were written and is the same person's only where it is
//! written the same way. Whether a number is in use is not asked, since plans change faster than their copies. The
//! invariant: what was normalised stays as it is.

use phonenumber::{Mode, PhoneNumber};

/// Fewer digits are an extension or a slip, and would make one person of many.
const MIN_DIGITS: usize = 7;
/// Longer texts are no number.
const MAX_LEN: usize = 64;
/// What Cal.com makes of the phone of somebody without an e-mail, whose `+` it takes away
/// (`packages/lib/contructEmailFromPhoneNumber.ts`).
const PHONE_MAIL: &str = "@sms.cal.com";
/// How an extension stands behind a number.
const EXTENSION: &str = ";ext=";
/// What is dialled before a country's code: nothing with a `+`, in most of the world, in North America.
const ABROAD: [&str; 3] = ["", "00", "011"];

/// E-mail and phone of what stands in both fields; what is neither is blank. Cal.com's `<phone>@sms.cal.com` is a phone,
/// if the other field tells none.
pub fn read(email: &str, phone: &str) -> (String, String) {
    let (email, told) = (trimmed(email), self::phone(phone));
    match email.strip_suffix(PHONE_MAIL) {
        Some(number) if told.is_empty() => (String::new(), self::phone(&abroad(number))),
        Some(_) => (String::new(), told),
        None => (if is_mail(&email) { email } else { String::new() }, told),
    }
}

/// An e-mail as it is compared; blank if it is none, or a phone of Cal.com's.
pub fn mail(text: &str) -> String {
    read(text, "").0
}

/// A phone as it is compared; blank if it is none. An extension is kept, as `;ext=7`: a switchboard is not one person.
pub fn phone(text: &str) -> String {
    let text = text.trim();
    if text.len() > MAX_LEN {
        return String::new();
    }
    let (number, extension) = split_extension(text);
    let written = digits(number);
    if written.len() < MIN_DIGITS {
        return String::new();
    }
    let number = number.trim_start_matches(['(', ' ']);
    let number = match number.strip_prefix('+').or_else(|| number.strip_prefix("00")) {
        Some(number) => parse(number)
            .map_or_else(|| abroad(digits(number).trim_start_matches('0')), |number| e164(&number)),
        None => written,
    };
    if extension.is_empty() { number } else { format!("{number}{EXTENSION}{extension}") }
}

/// The digits of every way in which a phone may be written: with its country, as it is dialled from abroad, with the zero
/// of `+49 (0)30`, as it is dialled at home. Those of an extension follow after a `;`.
pub fn spellings(phone: &str) -> Vec<String> {
    let phone = self::phone(phone);
    let (number, extension) =
        phone.split_once(EXTENSION).map_or((phone.as_str(), None), |(number, rest)| (number, Some(rest)));
    let mut all = match number.strip_prefix('+') {
        Some(number) => from_everywhere(number),
        None => vec![number.to_owned()],
    };
    all.retain(|spelling| spelling.len() >= MIN_DIGITS);
    if let Some(extension) = extension {
        all.iter_mut().for_each(|spelling| *spelling = format!("{spelling};{extension}"));
    }
    all.sort();
    all.dedup();
    all
}

fn from_everywhere(number: &str) -> Vec<String> {
    let mut with_country = vec![number.to_owned()];
    let mut all = Vec::new();
    if let Some(parsed) = parse(number) {
        let at_home = digits(&parsed.format().mode(Mode::National).to_string());
        with_country.push(format!("{}{at_home}", parsed.code().value()));
        all.push(at_home);
    }
    all.extend(
        ABROAD.iter().flat_map(|prefix| with_country.iter().map(move |number| format!("{prefix}{number}"))),
    );
    all
}

fn parse(number: &str) -> Option<PhoneNumber> {
    phonenumber::parse(None, abroad(number)).ok()
}

fn e164(number: &PhoneNumber) -> String {
    number.format().mode(Mode::E164).to_string()
}

fn abroad(number: &str) -> String {
    format!("+{}", number.trim_start_matches('+'))
}

/// The parser takes the digits of `ext. 7` for the number's own.
fn split_extension(text: &str) -> (&str, String) {
    let mark = |c: char| matches!(c, 'e' | 'E' | 'x' | 'X' | '#' | ';');
    let found = text.split_once(mark).filter(|(number, _)| digits(number).len() >= MIN_DIGITS);
    found.map_or((text, String::new()), |(number, extension)| (number, digits(extension)))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn trimmed(email: &str) -> String {
    email.trim().to_lowercase()
}

/// Whether somebody can be known by it: all who type `n/a` are not one person.
fn is_mail(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
        && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_its_country_is_one_number_however_it_is_written() {
        for written in
            ["+49 30 901820", "0049-30-901820", "+49 (0)30 90 18 20", " +4930901820 ", "(+49) 30/901820"]
        {
            assert_eq!(phone(written), "+4930901820", "{written}");
        }
        assert_eq!(phone("+1 (415) 555-2671"), "+14155552671");
        // The zero of an Italian number is part of it.
        assert_eq!(phone("+39 06 698 1234"), "+39066981234");
    }

    #[test]
    fn without_a_country_only_the_same_form_is_the_same_number() {
        assert_eq!(phone("030 / 90 18 20"), "030901820");
        assert_ne!(phone("030 901820"), phone("+49 30 901820"));
    }

    #[test]
    fn what_is_no_number_identifies_nobody() {
        for text in ["call me", "ext. 12", "n/a", "", "+", &"1".repeat(65)] {
            assert_eq!(phone(text), "", "{text}");
            assert_eq!(spellings(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_switchboard_is_not_one_person() {
        let [one, other] = ["+1 415 555 2671 ext. 7", "+1 415 555 2671 ext. 8"].map(phone);
        assert_eq!(one, "+14155552671;ext=7");
        assert_ne!(one, other);
        assert_eq!(phone(&one), one);
    }

    #[test]
    fn what_was_normalised_stays_as_it_is() {
        for text in ["+49 30 12345", "+999 1234567", "0170 1234567", "+44 20 7946 0958", "+1 555 0100000"] {
            let once = phone(text);
            assert_eq!(phone(&once), once, "{text}");
        }
    }

    #[test]
    fn e_mails_are_compared_as_people_mean_them() {
        assert_eq!(mail(" Ann@Example.COM "), "ann@example.com");
        for nobody in ["n/a", "none", "@", "ann@", "ann at example.com", "a b@example.com", "a@b@c.example"] {
            assert_eq!(mail(nobody), "", "{nobody}");
        }
    }

    #[test]
    fn an_address_made_of_a_phone_is_a_phone() {
        let pair = |email: &str, phone: &str| (email.to_owned(), phone.to_owned());
        // Cal.com takes the `+` away.
        assert_eq!(read("4930901820@sms.cal.com", ""), pair("", "+4930901820"));
        assert_eq!(read(" +4930901820@SMS.cal.com", "n/a"), pair("", "+4930901820"));
        assert_eq!(read("4930901820@sms.cal.com", "+49 30 123-456"), pair("", "+4930123456"));
        assert_eq!(read("Ann@Example.com", "0049 (0)30 901820"), pair("ann@example.com", "+4930901820"));
        assert_eq!(mail("4930901820@sms.cal.com"), "");
        assert_eq!(read("@sms.cal.com", ""), pair("", ""));
    }

    #[test]
    fn a_number_is_spelt_as_it_is_dialled_from_anywhere() {
        let of_berlin = spellings("+49 30 901820");
        for spelling in ["4930901820", "004930901820", "0114930901820", "49030901820", "030901820"] {
            assert!(of_berlin.iter().any(|known| known == spelling), "{spelling} of {of_berlin:?}");
        }
        assert!(spellings("+1 415 555 2671 ext. 7").contains(&"4155552671;7".to_owned()));
        assert_eq!(spellings("030 901820"), ["030901820"]);
        assert_eq!(spellings("+999 1234567"), ["009991234567", "0119991234567", "9991234567"]);
    }
}
