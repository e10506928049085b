//! Phone numbers as they are compared: E.164 by Google's numbering plans, where the country is told.
//!
//! No region is assumed: `030 12345` is a number in Berlin and in many other towns, so without `+` or `00` it stays the
//! digits that were written and is the same person's only where it is written the same way. Whether a number is in
//! use is not asked, since plans change faster than their copies. The invariant: what was normalised stays as it is.

use phonenumber::Mode;

/// Fewer digits are an extension or a slip, and would make one person of many.
const MIN_DIGITS: usize = 7;
/// Longer texts are no number.
const MAX_LEN: usize = 64;

/// The number as it is compared; blank if it is none. An extension is kept, as `;ext=7`: a switchboard is not one
/// person.
pub(super) fn normalise(text: &str) -> String {
    let text = text.trim();
    if text.len() > MAX_LEN {
        return String::new();
    }
    let (number, extension) = split_extension(text);
    if digits(number).len() < MIN_DIGITS {
        return String::new();
    }
    let abroad = number.strip_prefix('+').or_else(|| number.strip_prefix("00"));
    let number = match abroad {
        Some(number) => {
            e164(number).unwrap_or_else(|| format!("+{}", digits(number).trim_start_matches('0')))
        }
        None => digits(number),
    };
    if extension.is_empty() { number } else { format!("{number};ext={extension}") }
}

fn e164(number: &str) -> Option<String> {
    let parsed = phonenumber::parse(None, format!("+{number}")).ok()?;
    Some(parsed.format().mode(Mode::E164).to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_its_country_is_one_number_however_it_is_written() {
        for written in ["+49 30 901820", "0049-30-901820", "+49 (0)30 90 18 20", " +4930901820 "] {
            assert_eq!(normalise(written), "+4930901820", "{written}");
        }
        assert_eq!(normalise("+1 (415) 555-2671"), "+14155552671");
        // The zero of an Italian number is part of it.
        assert_eq!(normalise("+39 06 698 1234"), "+39066981234");
    }

    #[test]
    fn without_a_country_only_the_same_form_is_the_same_number() {
        assert_eq!(normalise("030 / 90 18 20"), "030901820");
        assert_ne!(normalise("030 901820"), normalise("+49 30 901820"));
    }

    #[test]
    fn what_is_no_number_identifies_nobody() {
        for text in ["call me", "ext. 12", "n/a", "", "+", &"1".repeat(65)] {
            assert_eq!(normalise(text), "", "{text}");
        }
    }

    #[test]
    fn a_switchboard_is_not_one_person() {
        let [one, other] = ["+1 415 555 2671 ext. 7", "+1 415 555 2671 ext. 8"].map(normalise);
        assert_eq!(one, "+14155552671;ext=7");
        assert_ne!(one, other);
        assert_eq!(normalise(&one), one);
    }

    #[test]
    fn what_was_normalised_stays_as_it_is() {
        for text in ["+49 30 12345", "+999 1234567", "0170 1234567", "+44 20 7946 0958", "+1 555 0100000"] {
            let once = normalise(text);
            assert_eq!(normalise(&once), once, "{text}");
        }
    }
}
