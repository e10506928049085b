//! The settings of ops-copilot.
//!
//! The invariant: what [`Config::problems`] lets through starts, and no problem repeats the value of a setting.

mod channels;
mod schedule;

use std::path::PathBuf;

use chassis::{
    Problem,
    config::{AllowSandbox, base_url},
};
use domain::limit::Limit;
use jiff::tz::TimeZone;
use url::Url;

pub(crate) use channels::Encryption;
pub use channels::{People, Sender, Smtp, Wanted, Webhook};
pub use schedule::{Budget, ReportAt};

use crate::{anomalies::Thresholds, email};

/// Settings, from the environment or the command line.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where notices and what was reported are kept.
    #[command(flatten)]
    pub store: store::Config,

    /// Address of sheets-writer, which has the books.
    #[arg(long, env = "SHEETS_WRITER_ADDR", default_value = "http://127.0.0.1:8085", value_parser = base_url)]
    pub sheets_writer_addr: Url,

    /// Where the public reaches the gateway; notices have a link to its operator page.
    #[arg(long, env = "PUBLIC_BASE_URL", default_value = "http://localhost:8080", value_parser = base_url)]
    pub public_base_url: Url,

    /// A Slack incoming webhook; notices go there.
    #[arg(long, env = "SLACK_WEBHOOK_URL", hide_env_values = true, value_parser = Webhook::parse)]
    pub slack_webhook_url: Option<Webhook>,

    /// A mail server; notices go there: smtps://USER:PASSWORD@HOST, or smtp://…@HOST:587?tls=required for STARTTLS
    #[arg(long, env = "SMTP_URL", hide_env_values = true, value_parser = Smtp::parse)]
    pub smtp_url: Option<Smtp>,

    /// A PEM file of authorities that may have signed the mail server's certificate, beside the public ones
    #[arg(long, env = "SMTP_CA_FILE")]
    pub smtp_ca_file: Option<PathBuf>,

    /// Who sends mails of notices: an address, or Name <address>
    #[arg(long, env = "NOTIFY_EMAIL_FROM", value_parser = Sender::parse)]
    pub notify_email_from: Option<Sender>,

    /// Who gets them, comma-separated.
    #[arg(long, env = "NOTIFY_EMAIL_TO", value_parser = People::parse)]
    pub notify_email_to: Option<People>,

    /// Of which events people hear at once: comma-separated, or all; of handoff.requested they always do
    #[arg(long, env = "NOTIFY_EVENTS", default_value = "handoff.requested", value_parser = Wanted::parse)]
    pub notify_events: Wanted,

    /// Whether notices may say names, addresses and what a visitor wrote: 1 or 0; with 0, addresses and numbers of people
    /// are masked in what the operator's agent has told
    #[arg(
        long,
        env = "NOTIFY_PERSONAL",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        default_value = "0"
    )]
    pub notify_personal: bool,

    /// Notices on each way before what follows waits and is told in one message; hand-offs have as many of their own
    #[arg(long, env = "LIMIT_NOTICES", default_value = "30/h:10")]
    pub limit_notices: Limit,

    /// When the week that has ended is reported: a day of the week and a time
    #[arg(long, env = "REPORT_AT", default_value = "mon 08:00", value_parser = ReportAt::parse)]
    pub report_at: ReportAt,

    /// IANA time zone in which weeks and days of reports begin; that of the spreadsheet unless set
    #[arg(long, env = "REPORT_TIME_ZONE", value_parser = schedule::time_zone)]
    pub report_time_zone: Option<TimeZone>,

    /// IANA time zone in which the spreadsheet shows times
    #[arg(long, env = "SHEET_TIME_ZONE", default_value = "UTC", value_parser = schedule::time_zone)]
    pub sheet_time_zone: TimeZone,

    /// A TOML file of what counts as unusual, instead of the built-in one
    #[arg(long, env = "ANOMALIES_FILE")]
    pub anomalies_file: Option<PathBuf>,

    /// What the model may cost in a day, such as 10.00 USD, or off
    #[arg(long, env = "BUDGET_DAY", default_value = "10.00 USD", value_parser = Budget::parse)]
    pub budget_day: Budget,

    /// Whether stand-ins are fine.
    #[command(flatten)]
    pub sandbox: AllowSandbox,
}

// === impl Config ===

impl Config {
    /// In which weeks and days begin.
    pub(crate) fn time_zone(&self) -> TimeZone {
        self.report_time_zone.clone().unwrap_or_else(|| self.sheet_time_zone.clone())
    }

    /// What counts as unusual.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub(crate) fn thresholds(&self) -> Result<Thresholds, Problem> {
        const SETTING: &str = "ANOMALIES_FILE";
        let Some(file) = &self.anomalies_file else { return Ok(Thresholds::built_in()) };
        let text = std::fs::read_to_string(file).map_err(|_| Problem::new(SETTING, "cannot be read"))?;
        Thresholds::read(&text).map_err(|why| Problem::new(SETTING, why))
    }

    fn mail_problems(&self) -> Vec<Problem> {
        let parts = [
            ("SMTP_URL", self.smtp_url.is_some()),
            ("NOTIFY_EMAIL_FROM", self.notify_email_from.is_some()),
            ("NOTIFY_EMAIL_TO", self.notify_email_to.is_some()),
        ];
        if parts.iter().all(|(_, set)| !set) {
            return Vec::new();
        }
        let missing = parts.into_iter().filter(|(_, set)| !set);
        missing.map(|(name, _)| Problem::new(name, "is required: part of mail is set")).collect()
    }
}

impl chassis::Config for Config {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let mut problems = self.mail_problems();
        if self.smtp_url.as_ref().is_some_and(|smtp| !smtp.is_safe(cloud)) {
            let why = "must be smtps:// or smtp://…?tls=required; plain smtp:// reaches this machine alone, and not in the cloud";
            problems.push(Problem::new("SMTP_URL", why));
        }
        if let Some(file) = &self.smtp_ca_file {
            problems.extend(email::authority(file).err().map(|why| Problem::new("SMTP_CA_FILE", why)));
        }
        if self.slack_webhook_url.as_ref().is_some_and(|webhook| !webhook.is_safe(cloud)) {
            let why = "must be https; plain http reaches this machine alone, and not in the cloud";
            problems.push(Problem::new("SLACK_WEBHOOK_URL", why));
        }
        problems.extend(self.thresholds().err());
        if cloud {
            if self.limit_notices == Limit::Off {
                problems.push(Problem::new("LIMIT_NOTICES", "must not be off in the cloud"));
            }
            let stand_ins = [
                self.sandbox.refuse("PUBLIC_BASE_URL", &self.public_base_url),
                self.sandbox.refuse_emulator(self.store.firestore_emulator_host.as_deref()),
            ];
            problems.extend(stand_ins.into_iter().flatten());
        }
        problems
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

    fn problems(more: &[&str], cloud: bool) -> Vec<String> {
        let mut line = vec!["ops-copilot", "--store", "sqlite:/tmp/never-opened"];
        line.extend(more);
        let config = Line::try_parse_from(line).unwrap().config;
        config.problems(cloud).iter().map(ToString::to_string).collect()
    }

    const MAIL: [&str; 4] =
        ["--notify-email-from", "Desk <desk@example.com>", "--notify-email-to", "a@b.example"];

    #[test]
    fn what_is_right_has_no_problems() {
        assert_eq!(problems(&[], false), [] as [&str; 0]);
        let sound = [
            "--public-base-url",
            "https://chat.example.com",
            "--slack-webhook-url",
            "https://hooks.example/s3same",
        ];
        let starttls = ["--smtp-url", "smtp://me:s3same@mail.example.com:587?tls=required"];
        assert_eq!(problems(&[&sound[..], &starttls, &MAIL].concat(), true), [] as [&str; 0]);
        let local = ["--smtp-url", "smtp://127.0.0.1:2525", "--slack-webhook-url", "http://localhost:1/hook"];
        assert_eq!(problems(&[&local[..], &MAIL].concat(), false), [] as [&str; 0]);
    }

    #[test]
    fn nothing_goes_out_in_the_clear_and_no_value_is_repeated() {
        for (cloud, smtp, slack) in [
            (false, "smtp://me:s3same@mail.example.com", "http://hooks.example/s3same"),
            (false, "smtp://me:s3same@mail.example.com?tls=opportunistic", "http://10.0.0.1/s3same"),
            (true, "smtp://127.0.0.1:2525/s3same", "http://localhost:1/s3same"),
        ] {
            let line =
                ["--smtp-url", smtp, "--slack-webhook-url", slack, "--public-base-url", "https://a.example"];
            let found = problems(&[&line[..], &MAIL].concat(), cloud);
            assert_eq!(found.len(), 2, "{found:?}");
            assert!(found[0].starts_with("SMTP_URL: ") && found[1].starts_with("SLACK_WEBHOOK_URL: "));
            assert!(found.iter().all(|problem| !problem.contains("s3same")), "{found:?}");
        }
    }

    #[test]
    fn every_problem_is_named() {
        let found = problems(
            &[
                "--notify-email-to",
                "a@b.example",
                "--anomalies-file",
                "/nowhere/s3same",
                "--smtp-ca-file",
                "/nowhere/s3same",
                "--limit-notices",
                "off",
            ],
            true,
        );
        let named: Vec<_> = found.iter().map(|problem| problem.split_once(':').unwrap().0).collect();
        let expected = [
            "SMTP_URL",
            "NOTIFY_EMAIL_FROM",
            "SMTP_CA_FILE",
            "ANOMALIES_FILE",
            "LIMIT_NOTICES",
            "PUBLIC_BASE_URL",
        ];
        assert_eq!(named, expected, "{found:?}");
        assert!(found.iter().all(|problem| !problem.contains("s3same")), "{found:?}");
    }
}
