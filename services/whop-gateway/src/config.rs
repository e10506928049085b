//! The settings of whop-gateway.
//!
//! The invariant: what [`Config::problems`] lets through starts, and no problem repeats the value of a setting.

use std::path::PathBuf;

use chassis::{
    Problem,
    config::{AllowSandbox, Secrets},
};
use domain::limit::Limit;
use providers::books::Settings;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use crate::actions::{self, Book};

/// Settings, from the environment or the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where members, memberships, payments and the inbox are kept.
    #[command(flatten)]
    pub store: store::Config,

    /// Whop's API key, of the account or of the app.
    #[arg(long, env = "WHOP_API_KEY", hide_env_values = true, value_parser = chassis::config::secret)]
    pub whop_api_key: SecretString,

    /// Where Whop's API is.
    #[arg(
        long,
        env = "WHOP_BASE_URL",
        default_value = "https://api.whop.com/api/v1",
        value_parser = chassis::config::base_url
    )]
    pub whop_base_url: Url,

    /// The account whose members these are, biz_….
    #[arg(long, env = "WHOP_ACCOUNT_ID")]
    pub whop_account_id: String,

    /// The app in whose pages members are, app_…. Without one nobody is recognised as a member.
    #[arg(long, env = "WHOP_APP_ID")]
    pub whop_app_id: Option<String>,

    /// Where the keys are that Whop signs its users' tokens with.
    #[arg(
        long,
        env = "WHOP_JWKS_URL",
        default_value = "https://api.whop.com/.well-known/jwks.json",
        value_parser = chassis::config::base_url
    )]
    pub whop_jwks_url: Url,

    /// Secrets of Whop's webhook, ws_…, comma-separated, newest first. Without one its webhooks are refused.
    #[arg(long, env = "WHOP_WEBHOOK_SECRETS", hide_env_values = true, value_parser = Secrets::parse)]
    pub whop_webhook_secrets: Option<Secrets>,

    /// File of what members may ask for, product by product (TOML); instead of the built-in one.
    #[arg(long, env = "QUICK_ACTIONS_FILE")]
    pub quick_actions_file: Option<PathBuf>,

    /// What one member may have done: tickets, links to upgrade, ends of memberships.
    #[arg(long, env = "LIMIT_MEMBER_ACTIONS", default_value = "10/h:5")]
    pub limit_member_actions: Limit,

    /// What one member may have asked of Whop and of where files are.
    #[arg(long, env = "LIMIT_MEMBER_READS", default_value = "60/h:20")]
    pub limit_member_reads: Limit,

    /// Where Google Drive's API is.
    #[arg(
        long,
        env = "DRIVE_BASE_URL",
        default_value = "https://www.googleapis.com/drive/v3",
        value_parser = chassis::config::base_url
    )]
    pub drive_base_url: Url,

    /// A fixed token for Google Drive instead of Google's application default credentials, for tests.
    #[arg(long, env = "GOOGLE_ACCESS_TOKEN", hide_env_values = true, value_parser = chassis::config::secret)]
    pub google_access_token: Option<SecretString>,

    /// Notion's API key, for files that are in a Notion data source.
    #[arg(long, env = "NOTION_API_KEY", hide_env_values = true, value_parser = chassis::config::secret)]
    pub notion_api_key: Option<SecretString>,

    /// Where Notion's API is.
    #[arg(
        long,
        env = "NOTION_BASE_URL",
        default_value = "https://api.notion.com/v1",
        value_parser = chassis::config::base_url
    )]
    pub notion_base_url: Url,

    /// Where the books are.
    #[command(flatten)]
    pub ledgers: Settings,

    /// Whether stand-ins are fine.
    #[command(flatten)]
    pub sandbox: AllowSandbox,
}

// === impl Config ===

impl chassis::Config for Config {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let mut problems = self.wrong_words();
        let unsound = match self.book() {
            Ok(book) if book.needs_notion() && self.notion_api_key.is_none() => {
                vec![Problem::new("NOTION_API_KEY", "is required: the quick actions list files in Notion")]
            }
            Ok(_) => Vec::new(),
            Err(problems) => problems,
        };
        problems.extend(unsound);
        if cloud {
            problems.extend(self.cloud_problems());
        }
        problems
    }
}

impl Config {
    /// What members may ask for.
    ///
    /// # Errors
    /// All problems of the file.
    pub(crate) fn book(&self) -> Result<Book, Vec<Problem>> {
        const SETTING: &str = "QUICK_ACTIONS_FILE";
        let Some(file) = &self.quick_actions_file else { return Ok(Book::built_in()) };
        let text =
            std::fs::read_to_string(file).map_err(|_| vec![Problem::new(SETTING, "cannot be read")])?;
        let told = |problems: Vec<actions::Problem>| {
            problems.into_iter().map(|problem| Problem::new(SETTING, problem.0)).collect()
        };
        Book::read(&text).map_err(told)
    }

    fn wrong_words(&self) -> Vec<Problem> {
        let plain = |secret: &SecretString| secret.expose_secret().bytes().all(|b| b.is_ascii_graphic());
        let begins = |id: &str, prefix: &str| id.starts_with(prefix) && domain::id::check(id).is_ok();
        let keys = [
            ("WHOP_API_KEY", Some(&self.whop_api_key)),
            ("GOOGLE_ACCESS_TOKEN", self.google_access_token.as_ref()),
            ("NOTION_API_KEY", self.notion_api_key.as_ref()),
        ];
        let ids = [
            ("WHOP_ACCOUNT_ID", "biz_", Some(&self.whop_account_id)),
            ("WHOP_APP_ID", "app_", self.whop_app_id.as_ref()),
        ];
        let keys = keys.into_iter().filter(|(_, key)| key.is_some_and(|key| !plain(key)));
        let ids = ids.into_iter().filter(|(_, prefix, id)| id.is_some_and(|id| !begins(id, prefix)));
        keys.map(|(name, _)| Problem::new(name, "must be visible ASCII characters without spaces"))
            .chain(ids.map(|(name, prefix, _)| Problem::new(name, format!("must be an id, {prefix}…"))))
            .collect()
    }

    fn cloud_problems(&self) -> impl Iterator<Item = Problem> {
        let missing = self.whop_webhook_secrets.is_none();
        let missing = missing.then(|| Problem::new("WHOP_WEBHOOK_SECRETS", "is required in the cloud"));
        let stand_ins = [
            self.sandbox.refuse("WHOP_BASE_URL", &self.whop_base_url),
            self.sandbox.refuse("WHOP_JWKS_URL", &self.whop_jwks_url),
            self.sandbox.refuse("DRIVE_BASE_URL", &self.drive_base_url),
            self.sandbox.refuse("NOTION_BASE_URL", &self.notion_base_url),
            self.sandbox.refuse_emulator(self.store.firestore_emulator_host.as_deref()),
        ];
        let limits = [
            ("LIMIT_MEMBER_ACTIONS", self.limit_member_actions),
            ("LIMIT_MEMBER_READS", self.limit_member_reads),
        ];
        let off = limits.into_iter().filter(|(_, limit)| *limit == Limit::Off);
        let off = off.map(|(name, _)| Problem::new(name, "must not be off in the cloud"));
        missing.into_iter().chain(stand_ins.into_iter().flatten()).chain(off)
    }
}

#[cfg(test)]
mod tests {
    use chassis::Config as _;
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        config: Config,
    }

    const KEY: &str = "apik_1234567890";

    fn config(more: &[&str]) -> Config {
        let given = |flag: &str| more.contains(&flag);
        let mut line = vec!["whop-gateway", "--store", "sqlite:/tmp/never-opened"];
        for (flag, value) in [("--whop-api-key", KEY), ("--whop-account-id", "biz_1")] {
            if !given(flag) {
                line.extend([flag, value]);
            }
        }
        line.extend(more);
        Line::try_parse_from(line).unwrap().config
    }

    fn problems(more: &[&str], cloud: bool) -> Vec<String> {
        config(more).problems(cloud).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_right_has_no_problems() {
        assert!(
            problems(&["--whop-app-id", "app_1", "--whop-webhook-secrets", "ws_new, ws_old"], true)
                .is_empty()
        );
        assert!(problems(&["--whop-base-url", "http://127.0.0.1:1/whop/api/v1"], false).is_empty());
    }

    #[test]
    fn every_problem_is_named_and_no_value_is_repeated() {
        let found = problems(
            &[
                "--whop-api-key",
                "apik with blanks",
                "--whop-account-id",
                "user_1",
                "--whop-app-id",
                "app_/..",
                "--notion-api-key",
                "ntn_ü",
                "--quick-actions-file",
                "/nowhere/actions.toml",
                "--whop-base-url",
                "http://127.0.0.1:1",
                "--limit-member-actions",
                "off",
                "--limit-member-reads",
                "off",
            ],
            true,
        );
        let names = [
            "WHOP_API_KEY:",
            "NOTION_API_KEY:",
            "WHOP_ACCOUNT_ID:",
            "WHOP_APP_ID:",
            "QUICK_ACTIONS_FILE:",
            "WHOP_WEBHOOK_SECRETS:",
            "WHOP_BASE_URL:",
            "LIMIT_MEMBER_ACTIONS:",
            "LIMIT_MEMBER_READS:",
        ];
        for name in names {
            assert_eq!(
                found.iter().filter(|problem| problem.starts_with(name)).count(),
                1,
                "{name} {found:?}"
            );
        }
        assert_eq!(found.len(), names.len(), "{found:?}");
        for value in ["blanks", "user_1", "app_/", "ntn_", "nowhere", "127.0.0.1"] {
            assert!(found.iter().all(|problem| !problem.contains(value)), "{value} {found:?}");
        }
    }

    #[test]
    fn a_blank_secret_is_none() {
        let line = ["whop-gateway", "--whop-webhook-secrets", " , "];
        let Err(refused) = Line::try_parse_from(line) else { panic!("it was taken") };
        assert!(refused.to_string().contains("must name at least one secret"), "{refused}");
    }
}
