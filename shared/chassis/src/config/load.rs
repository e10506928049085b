//! From variables and arguments to a settings struct, with all problems at once.
//!
//! clap stops at the first error and quotes values, so each argument is parsed in a command of its own. The invariant:
//! what clap sees of the outside is only what was taken from [`Vars`] and the given arguments.

use std::{collections::BTreeMap, error::Error as _};

use clap::{
    Arg, ArgMatches, Command,
    builder::Resettable,
    error::{ContextKind, ContextValue, Error, ErrorKind},
};

use super::{Config, Problem, Vars};

/// Values that stand in for a required setting that failed, so that the rules between the others can be asked too.
const STAND_INS: [&str; 3] = ["http://localhost", "1", "off"];
/// A message that shares so long a piece with the value is not shown.
const TELLING: usize = 12;

/// Reads the settings `C` from `vars`, with `args` (without the program's name) over them.
///
/// # Errors
/// Every problem there is: unknown flags, settings that are missing or wrong, and what [`Config::problems`] says about
/// the settings that are sound by themselves.
pub fn load<C: Config>(vars: &Vars, args: impl IntoIterator<Item = String>) -> Result<C, Vec<Problem>> {
    load_from(C::augment_args(Command::new("service")), vars, args)
}

/// [`load`] for a command that was adjusted after `C::augment_args`.
pub(crate) fn load_from<C: Config>(
    command: Command,
    vars: &Vars,
    args: impl IntoIterator<Item = String>,
) -> Result<C, Vec<Problem>> {
    let command = command
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true);
    let mut problems = vars.problems.clone();
    let mut given = sort_flags(&command, args, &mut problems);
    let mut tokens = Vec::new();
    let mut complete = true;
    for arg in command.get_arguments() {
        let words = given.remove(arg.get_id().as_str()).map_or_else(|| from_vars(arg, vars), Ok);
        match words.and_then(|words| check(arg, &words).map(|()| words)) {
            Ok(words) => tokens.extend(words),
            Err(why) => {
                problems.push(Problem::new(setting(arg), why));
                complete &= stand_in(arg).map(|words| tokens.extend(words)).is_some();
            }
        }
    }
    if complete {
        match parse(command.mut_args(unbind), tokens).and_then(|matches| C::from_arg_matches(&matches)) {
            Ok(config) => return judge(config, vars.is_cloud(), problems),
            Err(failure) => problems.push(Problem::new("settings", explain(&failure))),
        }
    }
    Err(problems)
}

/// Adds what the config says about itself, except about settings that failed already.
fn judge<C: Config>(config: C, cloud: bool, mut problems: Vec<Problem>) -> Result<C, Vec<Problem>> {
    let failed: Vec<String> = problems.iter().map(|problem| problem.setting.clone()).collect();
    problems.extend(config.problems(cloud).into_iter().filter(|problem| !failed.contains(&problem.setting)));
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// Sorts the command line by argument; each word becomes `--long` or `--long=value`.
fn sort_flags(
    command: &Command,
    args: impl IntoIterator<Item = String>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Vec<String>> {
    let mut sorted = BTreeMap::<String, Vec<String>>::new();
    let mut words = args.into_iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").filter(|flag| !flag.is_empty()) else {
            problems.push(Problem::new("command line", "takes flags of the form --name=value only"));
            continue;
        };
        let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
        let known = command.get_arguments().find(|arg| arg.get_long() == Some(name));
        let separate = value.is_none() && known.is_none_or(|arg| arg.get_action().takes_values());
        let next = separate.then(|| words.next_if(|next| !next.starts_with("--"))).flatten();
        match known {
            Some(arg) => {
                let word = next.map_or_else(|| word.clone(), |next| format!("{word}={next}"));
                sorted.entry(arg.get_id().to_string()).or_default().push(word);
            }
            None => problems.push(Problem::new(format!("--{name}"), "there is no such flag")),
        }
    }
    sorted
}

/// The words for `arg` that its variable stands for.
fn from_vars(arg: &Arg, vars: &Vars) -> Result<Vec<String>, String> {
    let value = arg.get_env().and_then(|name| name.to_str()).and_then(|name| vars.get(name));
    let (Some(long), Some(value)) = (arg.get_long(), value) else { return Ok(Vec::new()) };
    if arg.get_action().takes_values() {
        return Ok(vec![format!("--{long}={value}")]);
    }
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(vec![format!("--{long}")]),
        "0" | "false" | "no" | "off" => Ok(Vec::new()),
        _ => Err("must be true or false".into()),
    }
}

fn check(arg: &Arg, words: &[String]) -> Result<(), String> {
    let command =
        Command::new("setting").no_binary_name(true).disable_help_flag(true).args_override_self(true);
    parse(command.arg(unbind(arg.clone())), words.to_vec()).map(drop).map_err(|failure| explain(&failure))
}

fn stand_in(arg: &Arg) -> Option<Vec<String>> {
    if !arg.is_required_set() {
        return Some(Vec::new());
    }
    let long = arg.get_long()?;
    let listed = arg.get_possible_values().into_iter().map(|value| value.get_name().to_owned());
    let words = listed.chain(STAND_INS.map(str::to_owned)).map(|value| vec![format!("--{long}={value}")]);
    words.into_iter().find(|words| check(arg, words).is_ok())
}

fn parse(command: Command, words: Vec<String>) -> Result<ArgMatches, Error> {
    command.try_get_matches_from(words)
}

/// Takes the environment away from clap, which would read it by itself.
fn unbind(arg: Arg) -> Arg {
    arg.env(Resettable::Reset)
}

fn setting(arg: &Arg) -> String {
    let variable = arg.get_env().map(|name| name.to_string_lossy().into_owned());
    variable.unwrap_or_else(|| format!("--{}", arg.get_long().unwrap_or(arg.get_id().as_str())))
}

/// What clap found, in words that hold nothing of the value.
fn explain(failure: &Error) -> String {
    let value = match failure.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => value.as_str(),
        _ => "",
    };
    match failure.kind() {
        ErrorKind::MissingRequiredArgument => "is required".into(),
        ErrorKind::InvalidValue => match failure.get(ContextKind::ValidValue) {
            Some(ContextValue::Strings(valid)) if !valid.is_empty() => {
                format!("must be one of {}", valid.join(", "))
            }
            _ => "needs a value".into(),
        },
        ErrorKind::ValueValidation => {
            let message = failure.source().map(ToString::to_string).unwrap_or_default();
            withhold(&message, value)
        }
        _ => "cannot be read".into(),
    }
}

/// `message` without `value`, if that can be told apart.
fn withhold(message: &str, value: &str) -> String {
    let rest = message.strip_prefix(value).filter(|_| !value.is_empty());
    let (subject, rest) = rest.map_or(("", message), |rest| ("the value", rest));
    if rest.trim().is_empty() || tells(rest, value) {
        "is not acceptable".into()
    } else {
        format!("{subject}{rest}")
    }
}

/// Whether `message` holds the value or a long piece of it.
fn tells(message: &str, value: &str) -> bool {
    let letters: Vec<char> = value.chars().collect();
    let piece = letters.len().clamp(3, TELLING);
    letters.windows(piece).any(|piece| message.contains(&piece.iter().collect::<String>()))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use clap::Args;
    use secrecy::{ExposeSecret as _, SecretString};
    use url::Url;

    use super::*;
    use crate::config::{base_url, secret};

    #[derive(Debug, Args)]
    struct Shop {
        /// Where the books are
        #[arg(long, env = "BOOKS_ADDR", value_parser = base_url)]
        books_addr: Url,
        /// Key of the till
        #[arg(long, env = "TILL_KEY", value_parser = secret)]
        till_key: Option<SecretString>,
        /// Doors
        #[arg(long, env = "DOORS", default_value = "1")]
        doors: NonZeroU16,
        /// Opening mode
        #[arg(long, env = "MODE", default_value = "day", value_parser = ["day", "night"])]
        mode: String,
        /// Who may come
        #[arg(long, env = "GUESTS", value_delimiter = ',')]
        guests: Vec<u32>,
        /// Sell nothing
        #[arg(long, env = "CLOSED")]
        closed: bool,
    }

    impl Config for Shop {
        fn problems(&self, cloud: bool) -> Vec<Problem> {
            let mut problems = Vec::new();
            if cloud && self.till_key.is_none() {
                problems.push(Problem::new("TILL_KEY", "is required on Cloud Run"));
            }
            if self.closed && self.mode == "night" {
                problems.push(Problem::new("CLOSED", "makes no sense at night"));
            }
            problems
        }
    }

    fn vars<const N: usize>(pairs: [(&str, &str); N]) -> Vars {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn read<const N: usize>(vars: &Vars, args: [&str; N]) -> Result<Shop, Vec<String>> {
        let shop = load::<Shop>(vars, args.map(str::to_owned));
        shop.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn variables_fill_the_struct_and_flags_stand_over_them() {
        let vars = vars([
            ("BOOKS_ADDR", "http://books:1"),
            ("TILL_KEY", " sesame "),
            ("DOORS", "3"),
            ("GUESTS", "1,2"),
            ("CLOSED", "true"),
        ]);
        let shop = read(&vars, ["--doors", "4", "--doors=5", "--guests=7"]).unwrap();
        assert_eq!(shop.books_addr.as_str(), "http://books:1/");
        assert_eq!(shop.till_key.unwrap().expose_secret(), "sesame");
        assert_eq!((shop.doors.get(), shop.mode.as_str(), shop.closed), (5, "day", true));
        assert_eq!(shop.guests, [7]);

        let mut vars = vars;
        vars.set("CLOSED", "off");
        assert!(!read(&vars, []).unwrap().closed);
        assert!(read(&vars, ["--closed"]).unwrap().closed);
    }

    #[test]
    fn all_problems_come_at_once() {
        let vars = vars([
            ("K_SERVICE", "shop"),
            ("DOORS", "0"),
            ("MODE", "dusk"),
            ("GUESTS", "1,two"),
            ("CLOSED", "perhaps"),
        ]);
        let problems = read(&vars, ["--windows=4", "open", "--roof", "tile"]).unwrap_err();
        assert_eq!(
            problems,
            [
                "--windows: there is no such flag",
                "command line: takes flags of the form --name=value only",
                "--roof: there is no such flag",
                "BOOKS_ADDR: is required",
                "DOORS: number would be zero for non-zero type",
                "MODE: must be one of day, night",
                "GUESTS: invalid digit found in string",
                "CLOSED: must be true or false",
                "TILL_KEY: is required on Cloud Run",
            ]
        );
    }

    #[test]
    fn a_rule_is_silent_about_settings_that_failed_already() {
        let vars = vars([("K_SERVICE", "shop"), ("BOOKS_ADDR", "http://books"), ("TILL_KEY", "  x  ")]);
        assert!(read(&vars, []).is_ok());
        let problems = read(&vars, ["--till-key="]).unwrap_err();
        assert_eq!(problems, ["TILL_KEY: must not be blank"]);
    }

    #[test]
    fn no_problem_repeats_a_value() {
        for (name, value) in [
            ("BOOKS_ADDR", "sesame-open-yourself"),
            ("BOOKS_ADDR", "https://user:sesame@books"),
            ("DOORS", "sesame"),
            ("DOORS", "70000"),
            ("MODE", "sesame"),
            ("GUESTS", "sesame,4294967296"),
            ("CLOSED", "sesame"),
        ] {
            let mut vars = vars([("BOOKS_ADDR", "http://books")]);
            vars.set(name, value);
            let problems = read(&vars, ["--sesam=sesame", "sesame"]).unwrap_err();
            assert_eq!(problems.len(), 3, "{problems:?}");
            assert!(problems.iter().any(|problem| problem.starts_with(name)), "{problems:?}");
            let text = problems.join("\n");
            assert!(!text.contains("sesame") && !text.contains("70000") && !text.contains("42949"), "{text}");
        }
        assert_eq!(withhold("70000 is not in 0..=65535", "70000"), "the value is not in 0..=65535");
        assert_eq!(withhold("cannot use sesame here", "sesame"), "is not acceptable");
        assert_eq!(
            withhold("no host open-sesame.example", "db://u@open-sesame.example/x"),
            "is not acceptable"
        );
        assert_eq!(withhold("must be even", "7"), "must be even");
    }

    #[test]
    fn clap_itself_sees_nothing_of_the_environment() {
        // a variable that every test process has
        #[derive(Debug, Args)]
        struct Nosy {
            /// Path
            #[arg(long, env = "PATH")]
            path: Option<String>,
        }
        impl Config for Nosy {}
        assert!(std::env::var_os("PATH").is_some());
        assert_eq!(load::<Nosy>(&Vars::default(), []).unwrap().path, None);
    }
}
