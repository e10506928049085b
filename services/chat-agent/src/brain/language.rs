//! What the server says in its own words, in English and German.
//!
//! The invariant: nothing here claims an effect that has not happened.

/// A language that the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    German,
}

const GERMAN: &[&str] = &[
    "ich", "und", "der", "die", "das", "ihre", "deine", "ist", "sind", "wurde", "wurden", "habe", "haben",
    "wir", "nicht",
];
const ENGLISH: &[&str] =
    &["i", "and", "the", "your", "is", "are", "was", "has", "have", "been", "we", "not", "you", "to", "of"];

// === impl Language ===

impl Language {
    /// That of a visitor, from a locale such as `de-DE`.
    pub(crate) fn of_locale(locale: &str) -> Self {
        if locale.to_ascii_lowercase().starts_with("de") { Self::German } else { Self::English }
    }

    /// That of a text.
    pub(crate) fn of_text(text: &str) -> Self {
        let text = text.to_lowercase();
        let count = |list: &[&str]| {
            text.split(|c: char| !c.is_alphabetic()).filter(|word| list.contains(word)).count()
        };
        if count(GERMAN) > count(ENGLISH) { Self::German } else { Self::English }
    }

    fn choose(self, english: &'static str, german: &'static str) -> &'static str {
        match self {
            Self::English => english,
            Self::German => german,
        }
    }

    /// To a message that moderation has flagged.
    pub(crate) fn refusal(self) -> &'static str {
        self.choose(
            "I can't help with that message. If you have a question about our services, I'm happy to answer it.",
            "Bei dieser Nachricht kann ich nicht helfen. Fragen zu unseren Leistungen beantworte ich gern.",
        )
    }

    /// Before the form, when the model does not answer.
    pub(crate) fn model_down(self) -> &'static str {
        self.choose(
            "I can't answer right now. Leave your details, and a person from our team will get back to you.",
            "Ich kann gerade nicht antworten. Hinterlassen Sie Ihre Daten, dann meldet sich jemand aus unserem Team.",
        )
    }

    /// Before the form, when the budget is spent.
    pub(crate) fn budget_spent(self) -> &'static str {
        self.choose(
            "The chat has reached its limit for today. Leave your details, and a person from our team will get back to you.",
            "Der Chat hat sein Tageslimit erreicht. Hinterlassen Sie Ihre Daten, dann meldet sich jemand aus unserem Team.",
        )
    }

    /// Instead of the form, where it is no use.
    pub(crate) fn unavailable(self) -> &'static str {
        self.choose("The assistant is not available right now.", "Der Assistent ist gerade nicht verfügbar.")
    }

    /// The form's questions: name, e-mail, need.
    pub(crate) fn questions(self) -> [&'static str; 3] {
        match self {
            Self::English => ["What is your name?", "Your e-mail address?", "What do you need?"],
            Self::German => ["Wie heißen Sie?", "Ihre E-Mail-Adresse?", "Worum geht es?"],
        }
    }

    /// After the form was stored.
    pub(crate) fn thanks(self) -> &'static str {
        self.choose(
            "Thank you! Your message is saved, and our team will get back to you.",
            "Vielen Dank! Ihre Nachricht ist gespeichert, unser Team meldet sich bei Ihnen.",
        )
    }

    /// After the form was put away.
    pub(crate) fn skipped(self) -> &'static str {
        self.choose("No problem. Write whenever you like.", "Kein Problem. Schreiben Sie jederzeit.")
    }

    /// When the form has no e-mail address that can be one.
    pub(crate) fn address_needed(self) -> &'static str {
        self.choose(
            "I need a valid e-mail address so that our team can reach you. Please check it.",
            "Damit unser Team Sie erreicht, brauche ich eine gültige E-Mail-Adresse. Bitte prüfen Sie sie.",
        )
    }

    /// When the form could not be stored.
    pub(crate) fn not_saved(self) -> &'static str {
        self.choose(
            "Sorry, your message could not be saved. Please try again in a moment.",
            "Ihre Nachricht konnte leider nicht gespeichert werden. Bitte versuchen Sie es gleich noch einmal.",
        )
    }

    /// When a person has the thread.
    pub(crate) fn person_answers(self) -> &'static str {
        self.choose(
            "From here on a person from our team answers in this chat. You can go on writing.",
            "Ab hier antwortet jemand aus unserem Team in diesem Chat. Sie können gern weiterschreiben.",
        )
    }

    /// Before the form, when no person has come.
    pub(crate) fn nobody_came(self) -> &'static str {
        self.choose(
            "Nobody from our team is free just now. Leave your e-mail address, and a person will get back to you.",
            "Gerade ist niemand aus unserem Team frei. Hinterlassen Sie Ihre E-Mail-Adresse, dann meldet sich jemand.",
        )
    }

    /// When a button of a receipt could not do its work.
    pub(crate) fn not_undone(self) -> &'static str {
        self.choose(
            "Sorry, that could not be undone just now. Please try again in a moment.",
            "Das ließ sich gerade leider nicht rückgängig machen. Bitte versuchen Sie es gleich noch einmal.",
        )
    }

    /// Before what was not true.
    pub(crate) fn correction(self) -> &'static str {
        self.choose("Correction:", "Korrektur:")
    }

    /// After the rounds of a turn are used up without a word.
    pub(crate) fn speechless(self) -> &'static str {
        self.choose(
            "I couldn't finish that. Could you put it another way?",
            "Damit bin ich nicht fertig geworden. Können Sie es anders formulieren?",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_locales_have_a_language() {
        assert_eq!(Language::of_locale("de-AT"), Language::German);
        assert_eq!(Language::of_locale(""), Language::English);
        assert_eq!(Language::of_text("Ich habe Ihre Daten gespeichert."), Language::German);
        assert_eq!(Language::of_text("I have saved your details."), Language::English);
    }
}
