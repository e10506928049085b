//! Whether what the model says has happened did happen.
//!
//! Sentences are matched with the patterns that each tool brings. The invariant: a sentence counts as a claim only if
//! it states a thing done: questions, denials, offers and conditions do not.

use std::{collections::BTreeSet, sync::LazyLock};

use regex::Regex;
use tools::Claim;

use super::language::Language;

/// Claims of effects that no tool has: none of them can be true.
const IMPOSSIBLE: &[&str] = &[
    r"\b(?:i|we)(?:'ve| have)(?: \S+){0,2} (?:charged|refunded)\b",
    r"\b(?:habe|haben)\b[^.!?]{0,60}\b(?:erstattet|abgebucht)\b",
];

/// Words of clauses that state nothing as done, or that tell how things are done in general.
const HEDGES: &str = r"\b(?:not|never|cannot|can't|couldn't|haven't|hasn't|isn't|wasn't|weren't|don't|didn't|won't|unable|failed|once|if|when|whether|before|until|unless|would|could|should|shall|will|i'll|we'll|can|may|might|let me|going to|eu|european|gdpr|encrypted|servers?|nicht|kein\S*|sobald|wenn|falls|bevor|bis|werde|werden|würde\S*|könnte\S*|kann|können|soll|sollen|möchte\S*|leider|dsgvo|europäisch\S*)\b";
/// A condition at the beginning holds for the whole sentence.
const CONDITION: &str =
    r"^\W*(?:once|if|when|as soon as|after|before|unless|sobald|wenn|falls|nachdem|bevor)\b";
/// Words that only lead up to a claim.
const RUN_UP: &str = r"\b(?:(?:can|may|will|would like to|want to|am happy to|i'll|we'll) (?:\S+ )?(?:confirm|say|tell you|let you know|assure you)|kann \S+ (?:gern )?(?:bestätigen|sagen))\b";
/// Where one clause ends and the next begins.
const JOINT: &str = r",|;|:|\s[-–—]\s|\b(?:and|but|so|und|aber|also|damit)\b";
/// Words of sentences that tell of earlier, or confirm it.
const EARLIER: &str = r"\b(?:already|earlier|before|previously|bereits|schon|vorhin)\b|^\W*(?:yes|ja)\b";

/// The patterns, compiled.
pub(crate) struct Claims {
    tools: Vec<(&'static tools::Tool, &'static Claim, Vec<Regex>)>,
    impossible: Vec<Regex>,
    hedges: Regex,
    condition: Regex,
    run_up: Regex,
    joint: Regex,
    earlier: Regex,
}

/// A tool whose effect was claimed and did not happen; `None` if no tool has that effect.
pub(crate) type Untrue = Option<&'static tools::Tool>;

// === impl Claims ===

impl Claims {
    /// The patterns of all tools, compiled once in a process.
    pub(crate) fn all() -> &'static Self {
        static ALL: LazyLock<Claims> =
            LazyLock::new(|| Claims::compile().expect("the patterns are constants and sound"));
        &ALL
    }

    fn compile() -> Result<Self, regex::Error> {
        let all = |patterns: &[&str]| {
            patterns.iter().map(|pattern| Regex::new(pattern)).collect::<Result<Vec<_>, _>>()
        };
        let claims = tools::ALL.iter().flat_map(|tool| tool.claims.iter().map(move |claim| (*tool, claim)));
        let tools = claims.map(|(tool, claim)| Ok((tool, claim, all(claim.patterns)?)));
        let tools = tools.collect::<Result<_, _>>()?;
        Ok(Self {
            tools,
            impossible: all(IMPOSSIBLE)?,
            hedges: Regex::new(HEDGES)?,
            condition: Regex::new(CONDITION)?,
            run_up: Regex::new(RUN_UP)?,
            joint: Regex::new(JOINT)?,
            earlier: Regex::new(EARLIER)?,
        })
    }

    /// What `text` claims and what did not happen, given the tools that succeeded in this turn and in earlier ones.
    pub(crate) fn untrue(
        &self,
        text: &str,
        succeeded: &BTreeSet<String>,
        succeeded_earlier: &BTreeSet<String>,
    ) -> Vec<Untrue> {
        let mut untrue: Vec<Untrue> = Vec::new();
        for sentence in sentences(text) {
            let stated = self.stated(&sentence);
            let earlier = self.earlier.is_match(&sentence);
            let happened = |tool: &tools::Tool, claim: &Claim| {
                let mut told_by = std::iter::once(tool.name).chain(claim.told_by.iter().copied());
                told_by.any(|name| {
                    succeeded.contains(name) || ((earlier || claim.lasts) && succeeded_earlier.contains(name))
                })
            };
            let claimed = |patterns: &[Regex]| {
                stated.iter().any(|clause| patterns.iter().any(|pattern| pattern.is_match(clause)))
            };
            let lies = self
                .tools
                .iter()
                .filter(|(tool, claim, patterns)| !happened(tool, claim) && claimed(patterns));
            untrue.extend(lies.map(|(tool, ..)| Some(*tool)));
            if claimed(&self.impossible) {
                untrue.push(None);
            }
        }
        let mut seen = BTreeSet::new();
        untrue.retain(|tool| seen.insert(tool.map(|tool| tool.name)));
        untrue
    }

    /// What a sentence states as done: all of it, or those of its clauses that do.
    fn stated(&self, sentence: &str) -> Vec<String> {
        if sentence.ends_with('?') || self.condition.is_match(sentence) {
            return Vec::new();
        }
        let sentence = self.run_up.replace_all(sentence, "").into_owned();
        if !self.hedges.is_match(&sentence) {
            return vec![sentence];
        }
        let clauses = self.joint.split(&sentence).filter(|clause| !self.hedges.is_match(clause));
        clauses.map(|clause| clause.trim().to_owned()).collect()
    }
}

/// What the visitor reads after a text that was not true, in that text's language.
pub(crate) fn correction(text: &str, untrue: &[Untrue]) -> String {
    let language = Language::of_text(text);
    let wrong: Vec<&str> = untrue
        .iter()
        .map(|tool| match (tool, language) {
            (Some(tool), Language::English) => tool.correction[0],
            (Some(tool), Language::German) => tool.correction[1],
            (None, Language::English) => "nothing has been charged or refunded through this chat",
            (None, Language::German) => "über diesen Chat wurde nichts abgebucht oder erstattet",
        })
        .collect();
    format!("{} {}.", language.correction(), wrong.join("; "))
}

/// The sentences of a text, in lower case, without markup and with plain apostrophes.
fn sentences(text: &str) -> Vec<String> {
    let text: String = text
        .to_lowercase()
        .chars()
        .filter(|c| !matches!(c, '*' | '`' | '_' | '#'))
        .map(|c| if matches!(c, '’' | '‘' | 'ʼ') { '\'' } else { c })
        .collect();
    let mut sentences = Vec::new();
    let mut sentence = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '\n' {
            sentence.push(c);
        }
        let inner = rest.peek().is_some_and(|next| !next.is_whitespace());
        // a point within an address or a number ends nothing
        if c == '\n' || (matches!(c, '.' | '!' | '?' | ';' | '…') && !inner) {
            sentences.push(std::mem::take(&mut sentence));
        }
    }
    sentences.push(sentence);
    sentences
        .iter()
        .map(|sentence| sentence.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|s| !s.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn untrue(text: &str, succeeded: &[&str], earlier: &[&str]) -> Vec<&'static str> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let found = Claims::all().untrue(text, &set(succeeded), &set(earlier));
        found.into_iter().map(|tool| tool.map_or("impossible", |tool| tool.name)).collect()
    }

    const LIES: &[&str] = &[
        "I've saved your details.",
        "I’ve **saved** your contact details and someone will be in touch!",
        "Great! I have passed your information on to our team.",
        "Done – your details have been saved.",
        "Your e-mail ada@example.com has been recorded.",
        "Your request was forwarded to a specialist.",
        "We have now stored your email address.",
        "I just sent your request to the sales team.",
        "Saved your contact information.",
        "Okay, done! Noted your email.",
        "Our team has been notified.",
        "The team now has your contact details.",
        "I've notified our team.",
        "Thanks, Ada. Your info is saved, talk soon.",
        "Ich habe deine Daten gespeichert.",
        "Perfekt, ich habe Ihre Anfrage an unser Team weitergeleitet.",
        "Ihre Kontaktdaten wurden erfolgreich gespeichert.",
        "Deine E-Mail-Adresse ist jetzt hinterlegt.",
        "I can confirm that your details have been saved.",
        "Ich habe Ihre Daten notiert und unser Team wird sich melden.",
    ];

    #[test]
    fn lies_are_noticed_in_several_phrasings() {
        for lie in LIES {
            assert_eq!(untrue(lie, &[], &[]), ["save_lead"], "{lie}");
        }
    }

    #[test]
    fn what_happened_is_no_lie() {
        for text in LIES {
            assert_eq!(untrue(text, &["save_lead"], &[]), [""; 0], "{text}");
        }
        let again = "I have already saved your details.";
        assert_eq!(untrue(again, &[], &["save_lead"]), [""; 0]);
        assert_eq!(untrue(again, &[], &[]), ["save_lead"]);
        assert_eq!(untrue("I've saved your new number.", &[], &["save_lead"]), ["save_lead"]);
    }

    #[test]
    fn offers_questions_denials_and_talk_are_no_claims() {
        for text in [
            "Shall I save your details?",
            "Would you like me to pass your e-mail on to the team?",
            "I'll save your details once you give me your e-mail.",
            "I have not saved your details yet.",
            "Sorry, your details could not be saved.",
            "Once I've saved your details, the team will call you.",
            "May I have your e-mail address?",
            "Your data is stored within the European Union.",
            "If that's fine with you, I have noted your e-mail.",
            "We save leads into your CRM, and your data is stored within the European Union if you like.",
            "Our e-mail journeys have saved customers a lot of time.",
            "We have recorded a walk-through for every project.",
            "Soll ich Ihre Daten speichern?",
            "Ich habe Ihre Daten noch nicht gespeichert.",
            "Ich kann Ihre Daten speichern, sobald Sie zustimmen.",
            "Thanks for sharing your details.",
            "Launch costs 2900.00 EUR.",
        ] {
            assert_eq!(untrue(text, &[], &[]), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_no_tool_can_do_was_not_done() {
        for text in
            ["I've refunded your order.", "We have charged your card.", "Ich habe den Betrag erstattet."]
        {
            assert_eq!(untrue(text, &["save_lead", "create_checkout_link"], &[]), ["impossible"], "{text}");
        }
        assert_eq!(untrue("A call can be booked on the website.", &[], &[]), [""; 0]);
    }

    #[test]
    fn every_effect_is_claimed_by_its_tool_alone() {
        for (text, tool) in [
            ("I've booked a call for you on Tuesday.", "book_meeting"),
            ("Your meeting has been scheduled for 10:00.", "book_meeting"),
            ("You're all booked!", "book_meeting"),
            ("Ihr Termin wurde bestätigt.", "book_meeting"),
            ("Wir haben das Gespräch für Sie gebucht.", "book_meeting"),
            ("I have moved your meeting to Friday.", "reschedule_meeting"),
            ("Your call has been rescheduled.", "reschedule_meeting"),
            ("Ich habe den Termin auf Freitag verschoben.", "reschedule_meeting"),
            ("I've cancelled your appointment.", "cancel_meeting"),
            ("Your booking was canceled.", "cancel_meeting"),
            ("Ihr Termin wurde abgesagt.", "cancel_meeting"),
            ("I've created a payment link for you.", "create_checkout_link"),
            ("Ich habe einen Zahlungslink erstellt.", "create_checkout_link"),
            ("Your payment has been processed.", "list_my_payments"),
            ("Ihre Zahlung ist eingegangen.", "list_my_payments"),
            ("I've opened a support ticket for you.", "open_support_ticket"),
            ("Ihr Ticket wurde eröffnet.", "open_support_ticket"),
            ("I've asked a colleague to join us.", "hand_off_to_human"),
            ("Ich habe jemanden aus dem Team gerufen.", "hand_off_to_human"),
        ] {
            assert_eq!(untrue(text, &[], &[]), [tool], "{text}");
            assert_eq!(untrue(text, &[tool], &[]), [""; 0], "{text}");
        }
    }

    #[test]
    fn how_things_stand_may_be_said_of_what_was_told() {
        let stands = "Your meeting is booked for Tuesday at 10:00.";
        for known in ["book_meeting", "list_my_bookings", tools::NOTICE] {
            assert_eq!(untrue(stands, &[], &[known]), [""; 0], "{known}");
        }
        assert_eq!(
            untrue("I've booked a second call.", &[], &["book_meeting"]),
            ["book_meeting"],
            "an act of now"
        );
        assert_eq!(
            untrue("I've booked it.", &["list_my_bookings"], &[]),
            ["book_meeting"],
            "a list books nothing"
        );
        assert_eq!(untrue("Your payment has arrived.", &[], &[tools::NOTICE]), [""; 0]);
        let passed = "I've passed your request on to the team.";
        assert_eq!(untrue(passed, &["hand_off_to_human"], &[]), [""; 0]);
        assert_eq!(untrue("I've saved your details.", &["hand_off_to_human"], &[]), ["save_lead"]);
    }

    #[test]
    fn a_correction_speaks_the_lies_language() {
        let tool = tools::find("save_lead");
        assert_eq!(
            correction("I've saved your details.", &[tool]),
            "Correction: nothing has been saved or passed on to the team yet."
        );
        let german = correction("Ich habe Ihre Daten gespeichert.", &[tool, None]);
        assert!(german.starts_with("Korrektur: es wurde noch nichts gespeichert"), "{german}");
        assert!(german.contains("; über diesen Chat"), "{german}");
    }
}
