//! What looks personal in a text, masked.
//!
//! For words that came past our own rules, such as those that the operator's agent has told. The invariant: an e-mail address,
//! a number by which somebody can be called or charged, and what lets somebody in do not leave; ids of ours stay, so that
//! who may see more finds it. A name is a word like any other and is not known here.

use std::sync::LazyLock;

use regex::{Captures, Regex};

/// In the order in which they are looked for.
const PATTERNS: &[(&str, &str)] = &[
    // tokens of ours and of the providers, what follows `Bearer`, JSON web tokens
    (r"\bfd1\.[vct]\.[\w.-]+", "[secret]"),
    (r"(?i)\bbearer\s+[\w.~+/=-]{8,}", "[secret]"),
    (r"\b(?:(?:sk|rk|apik|ghp|gho|cal|whsec|xox[a-z])[_-]|whop_|eyJ)[\w.+/=-]{8,}", "[secret]"),
    // also as part of an address of the web, escaped once or more often, or not at all
    (
        r#"(?x)
        (?P<before>%(?:25)*(?i:[01][\dA-F]|2[026CF]|3[A-F]))?
        (?:[^\s<>()\[\]"',;:@/?&=%]|%(?:25)*(?i:2[1347ABDE]|5[EF]|60|7[B-E]|[89A-F][\dA-F]))+
        (?:'(?:[^\s<>()\[\]"',;:@/?&=%]|%(?:25)*(?i:2[1347ABDE]|5[EF]|60|7[B-E]|[89A-F][\dA-F]))+)*
        (?:@|%(?:25)*40)
        [\p{L}\p{N}](?:(?:[\p{L}\p{N}.-]|%(?:25)*(?i:[89A-F][\dA-F]))*[\p{L}\p{N}])?"#,
        "${before}[e-mail]",
    ),
    (r"\b[A-Z]{2}\d{2}(?: ?[A-Z\d]{4}){3,7}(?: ?[A-Z\d]{1,3})?\b", "[account]"),
];
/// A long word of letters and digits.
const LONG: &str = r"[A-Za-z0-9_-]{32,}";
/// A long word that is an id of ours or of a provider's: nothing follows its ULID, its hash, or its letters and digits.
const ID: &str = r"(?x)
    ^(?:
        (?:ano|big|bkg|call|chk|con|dlv|eng|era|evt|inb|led|ldg|msg|ntf|ops|req|ses|thr|cthr|tkt|vis)_
        (?:[0-9A-HJKMNP-TV-Z]{26} | [\da-f]{32})
        | (?:biz|ch|cs|cus|evt|file|in|mber|mem|pay|pi|plan|prod|re|sub|user)_(?:(?:live|test)_)?[A-Za-z\d]{14,40}
    )$";
/// A day, with or without its time; or digits with what stands between them in numbers.
const NUMBERS: &str = r"(?x)
    (?P<word>[\p{L}_]+\d[\w-]*)
    | (?P<day>\b\d{4}-\d{1,2}-\d{1,2}(?:[T\ ]\d{1,2}:\d{2}(?::\d{2})?)?
        | \b\d{1,2}\.\d{1,2}\.(?:\d{4}|\d{2})\b(?:\ \d{1,2}:\d{2})?
        | \b\d{1,2}/\d{1,2}/\d{4}\b)
    | (?P<number>[+(]?\d(?:[\ ./()\u{a0}\u{2013}-]{0,3}\d){5,})";

/// The patterns, compiled.
struct Masks {
    patterns: Vec<(Regex, &'static str)>,
    long: Regex,
    id: Regex,
    numbers: Regex,
}

static MASKS: LazyLock<Masks> =
    LazyLock::new(|| Masks::compile().expect("the patterns are constants and sound"));

/// A text in which nothing looks personal any more.
pub(crate) fn masked(text: &str) -> String {
    MASKS.apply(text)
}

// === impl Masks ===

impl Masks {
    fn compile() -> Result<Self, regex::Error> {
        let patterns = PATTERNS.iter().map(|(pattern, mask)| Ok((Regex::new(pattern)?, *mask)));
        Ok(Self {
            patterns: patterns.collect::<Result<_, regex::Error>>()?,
            long: Regex::new(LONG)?,
            id: Regex::new(ID)?,
            numbers: Regex::new(NUMBERS)?,
        })
    }

    fn apply(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (pattern, mask) in &self.patterns {
            text = pattern.replace_all(&text, *mask).into_owned();
        }
        let long = |found: &Captures<'_>| {
            let word = &found[0];
            let is_mixed =
                word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic());
            if is_mixed && !self.id.is_match(word) { "[secret]".to_owned() } else { word.to_owned() }
        };
        let text = self.long.replace_all(&text, long).into_owned();
        let number = |found: &Captures<'_>| match found.name("number") {
            Some(number) => kind(number.as_str()).unwrap_or(number.as_str()).to_owned(),
            None => found[0].to_owned(),
        };
        self.numbers.replace_all(&text, number).into_owned()
    }
}

/// What a number looks like, if it looks like one of somebody's.
fn kind(number: &str) -> Option<&'static str> {
    let groups: Vec<&str> =
        number.split(|c: char| !c.is_ascii_digit()).filter(|group| !group.is_empty()).collect();
    let digits: usize = groups.iter().map(|group| group.len()).sum();
    if (13..=19).contains(&digits) && !groups.iter().any(|group| group.len() < 3) {
        return Some("[card]");
    }
    // `+49 …`, `0049 …`, `030 …`, `(555) …`
    let is_dialled = number.starts_with(['+', '0', '(']) && digits >= 7;
    let is_hyphened =
        number.contains(['-', '–']) && matches!(&*groups, [.., one, two] if (one.len(), two.len()) == (3, 4));
    let is_pairs = groups.len() > 1 && groups.iter().all(|group| group.len() <= 2);
    let is_long = groups.iter().any(|group| group.len() >= 9) || (groups.len() > 2 && digits >= 9);
    (is_dialled || is_hyphened || (is_long && !is_pairs)).then_some("[phone]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_or_lets_in_is_masked() {
        for (text, expected) in [
            ("Write to Ann.Lee+x@canary.example.", "Write to [e-mail]."),
            ("<ann@canary.example>, bob@x.y", "<[e-mail]>, [e-mail]"),
            ("https://a.example/p?email=ann%40canary.example&x=1", "https://a.example/p?email=[e-mail]&x=1"),
            ("jürgen@müller.example", "[e-mail]"),
            ("call +49 30 901820-12 today", "call [phone] today"),
            ("(555) 123-4567 or 555-123-4567 or 555-1234", "[phone] or [phone] or [phone]"),
            ("030/901820, 0151 23456789, 01 23 45 67 89", "[phone], [phone], [phone]"),
            ("bare 4930901820", "bare [phone]"),
            ("card 4242 4242 4242 4242, 378282246310005.", "card [card], [card]."),
            ("IBAN DE89 3704 0044 0532 0130 00", "IBAN [account]"),
            ("fd1.v.k1.eyJhIjoxfQ.c2ln-X_9 sees all", "[secret] sees all"),
            ("Authorization: Bearer abcdefgh12345678", "Authorization: [secret]"),
            ("sk_live_abcdefgh1234 and sk-proj-abc123def456", "[secret] and [secret]"),
            ("token 9f8e7d6c5b4a39281706f5e4d3c2b1a0ff", "token [secret]"),
            ("ws_9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a39281706f5e4d3c2b1a0", "[secret]"),
            ("ntn_12345678901AbCdEfGhIjKlMnOpQrStUvWxYz012345", "[secret]"),
            ("ghs_16C7e42F292c6912E7710c838347Ae178B4a", "[secret]"),
            ("pi_3QxYzAbCdEfGhIjKlMnOpQrS_secret_a1B2c3D4e5F6g7H8", "[secret]"),
            ("con_9f8e7d6c5b4a39281706f5e4d3c2b1a09f8e7d6c5b4a3928", "[secret]"),
            ("/p?next=%2Fa%3Femail%3Dann%2540x.example", "/p?next=%2Fa%3Femail%3D[e-mail]"),
            ("/p?next=%252Fa%253Femail%253Dann%252540x.example&b", "/p?next=%252Fa%253Femail%253D[e-mail]&b"),
            ("?email=ann%2Bx%40c.example", "?email=[e-mail]"),
            ("?email=j%c3%bcrgen%40m%C3%BCller.example", "?email=[e-mail]"),
            ("o'brien@c.example, o%27brien@c.example", "[e-mail], [e-mail]"),
            ("'ann@c.example' wrote", "'[e-mail]' wrote"),
        ] {
            assert_eq!(masked(text), expected, "{text}");
        }
    }

    #[test]
    fn ids_days_and_figures_stay() {
        for text in [
            "con_01JB7Z9V3S2N8Q4T6W0XY5KCEM booked bkg_0123456789abcdef0123456789abcdef",
            "vis_00000000000000000000000000000001, pi_3QxYzAbCdEfGhIjKlMnOpQrStUv0123456789",
            "thr_1 waits; evt_12345678901234567890 and led_0151234567",
            "Since 2026-10-05 09:00, until 05.10.2026 10:30, or 10/05/2026.",
            "1,490.00 EUR of 12 500 000 JPY; 150000 minor units, 5000-10000 EUR",
            "41 52 38 44 50 visits in weeks 36-40",
            "https://chat.example.com/operator?thread=thr_01JB7Z9V3S2N8Q4T6W0XY5KCEM",
            "Ask @channel at 9 @ noon: 100 % done",
        ] {
            assert_eq!(masked(text), text);
        }
    }
}
