//! The providers that have a stand-in, and what makes each of them live.

use std::fmt;

use chassis::Vars;

/// Where a stand-in's address will be put once it is known.
const NOT_YET: &str = "http://127.0.0.1";
/// What the stand-ins sign their webhooks with, unless the settings name something else. A webhook is a hint only, so
/// whoever knows this can make nothing up.
pub(crate) const CALCOM_WEBHOOK_SECRET: &str = "calcom-sandbox-secret";
pub(crate) const STRIPE_WEBHOOK_SECRET: &str = "whsec_sandbox";
pub(crate) const WHOP_WEBHOOK_SECRET: &str = "ws_sandbox";

/// A provider that has a stand-in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    /// Models and hosted ChatKit sessions.
    OpenAi,
    /// The spreadsheet.
    Sheets,
    /// The calendar.
    CalCom,
    /// The till.
    Stripe,
    /// The members, with the files that they may have.
    Whop,
}

// === impl Provider ===

impl Provider {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::OpenAi, Self::Sheets, Self::CalCom, Self::Stripe, Self::Whop];

    /// The setting that makes it live.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::OpenAi => "OPENAI_API_KEY",
            Self::Sheets => "GOOGLE_SHEETS_ID",
            Self::CalCom => "CALCOM_API_KEY",
            Self::Stripe => "STRIPE_SECRET_KEY",
            Self::Whop => "WHOP_API_KEY",
        }
    }

    /// What the services are told so that they use the stand-in.
    pub(crate) fn pretend(self, vars: &mut Vars) {
        match self {
            Self::OpenAi => {
                vars.set(self.setting(), sandbox::API_KEY);
                vars.set("OPENAI_BASE_URL", NOT_YET);
            }
            Self::Sheets => {
                vars.set(self.setting(), sandbox::SPREADSHEET_ID);
                vars.set("GOOGLE_ACCESS_TOKEN", sandbox::ACCESS_TOKEN);
                vars.set("SHEETS_BASE_URL", NOT_YET);
            }
            Self::CalCom => {
                vars.set(self.setting(), sandbox::CALCOM_API_KEY);
                vars.set("CALCOM_BASE_URL", NOT_YET);
                set_unless_given(vars, "CALCOM_WEBHOOK_SECRETS", CALCOM_WEBHOOK_SECRET);
            }
            Self::Stripe => {
                vars.set(self.setting(), sandbox::STRIPE_SECRET_KEY);
                vars.set("STRIPE_BASE_URL", NOT_YET);
                set_unless_given(vars, "STRIPE_WEBHOOK_SECRETS", STRIPE_WEBHOOK_SECRET);
            }
            Self::Whop => {
                vars.set(self.setting(), sandbox::WHOP_API_KEY);
                vars.set("WHOP_ACCOUNT_ID", sandbox::WHOP_ACCOUNT_ID);
                vars.set("WHOP_APP_ID", sandbox::WHOP_APP_ID);
                for address in ["WHOP_BASE_URL", "WHOP_JWKS_URL", "DRIVE_BASE_URL"] {
                    vars.set(address, NOT_YET);
                }
                set_unless_given(vars, "WHOP_WEBHOOK_SECRETS", WHOP_WEBHOOK_SECRET);
            }
        }
    }
}

fn set_unless_given(vars: &mut Vars, setting: &str, value: &str) {
    if vars.get(setting).is_none() {
        vars.set(setting, value);
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenAi => "OpenAI",
            Self::Sheets => "Google Sheets",
            Self::CalCom => "Cal.com",
            Self::Stripe => "Stripe",
            Self::Whop => "Whop",
        })
    }
}
