//! What the tabs are called.
//!
//! The invariant: every tab has one name, the title that it has in the spreadsheet, and answers to no other.

use crate::sheets::v1::Tab;

impl Tab {
    /// The tab of this name.
    pub fn named(name: &str) -> Option<Self> {
        (0..).map_while(|number| Self::try_from(number).ok()).find(|tab| tab.name() == Some(name))
    }

    /// Its name; `None` if none is specified.
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Unspecified => None,
            Self::Contacts => Some("contacts"),
            Self::Leads => Some("leads"),
            Self::Engagements => Some("engagements"),
            Self::Bookings => Some("bookings"),
            Self::Subscriptions => Some("subscriptions"),
            Self::Payments => Some("payments"),
            Self::ChatEvents => Some("chat_events"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tab_answers_to_its_name_alone() {
        let named: Vec<_> = (1..=7).map(|number| Tab::try_from(number).unwrap()).collect();
        for tab in named {
            let name = tab.name().unwrap();
            assert_eq!(Tab::named(name), Some(tab));
            assert_eq!(tab.as_str_name(), format!("TAB_{}", name.to_uppercase()));
        }
        for unknown in ["", "Leads", "unspecified", "TAB_LEADS", "lead"] {
            assert_eq!(Tab::named(unknown), None, "{unknown}");
        }
    }
}
