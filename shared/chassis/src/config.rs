//! Settings, read once from the environment and the command line.
//!
//! A service describes its settings as a `clap` struct; `--help` is their reference. The invariants: nothing but
//! [`Vars`] looks at the process environment, every problem is found in one go, and no problem repeats a value, which
//! may be a secret.

mod load;
mod secrets;

use std::{collections::BTreeMap, env, fmt, path::Path};

use secrecy::SecretString;
use url::Url;

pub use load::load;
pub(crate) use load::load_from;
pub use secrets::Secrets;

/// The file that a local run reads beside the environment.
const DOT_ENV: &str = ".env";

/// The environment as this process reads it: the process's own over `.env`, which counts only when `K_SERVICE` is
/// unset. Empty values count as unset.
#[derive(Clone, Default)]
pub struct Vars {
    values: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

// === impl Vars ===

impl Vars {
    /// Reads the environment of this process and `.env` in its working directory.
    pub fn from_process() -> Self {
        let process = env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        process.collect::<Self>().over_file(Path::new(DOT_ENV))
    }

    /// The value of `name`, if there is one and it is not empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Sets `name`; an empty value unsets it.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let (name, value) = (name.into(), value.into());
        if value.trim().is_empty() {
            self.values.remove(&name);
        } else {
            self.values.insert(name, value);
        }
    }

    /// Whether this process runs on Cloud Run.
    pub fn is_cloud(&self) -> bool {
        self.get("K_SERVICE").is_some()
    }

    /// Adds what the file at `path` says about names that are unset here. No file is no problem.
    fn over_file(mut self, path: &Path) -> Self {
        if self.is_cloud() {
            return self;
        }
        let Ok(entries) = dotenvy::from_path_iter(path) else { return self };
        let mut before = None;
        for entry in entries {
            match entry {
                Ok((name, value)) => {
                    if self.get(&name).is_none() {
                        self.set(name.clone(), value);
                    }
                    before = Some(name);
                }
                // the parser's own message quotes the line
                Err(_) => {
                    let place = before
                        .as_deref()
                        .map_or("the first entry".into(), |name| format!("what follows {name}"));
                    self.problems.push(Problem::new(DOT_ENV, format!("{place} cannot be read")));
                    break;
                }
            }
        }
        self
    }
}

impl FromIterator<(String, String)> for Vars {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut vars = Self::default();
        pairs.into_iter().for_each(|(name, value)| vars.set(name, value));
        vars
    }
}

impl fmt::Debug for Vars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

/// What is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Name of the environment variable, or the flag where there is none.
    pub setting: String,
    /// What is wrong, without the value.
    pub why: String,
}

// === impl Problem ===

impl Problem {
    /// A problem with `setting`.
    pub fn new(setting: impl Into<String>, why: impl Into<String>) -> Self {
        Self { setting: setting.into(), why: why.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.setting, self.why)
    }
}

/// Settings of one service: a [`clap::Args`] struct whose every field has `#[arg(long, env = "NAME")]` and a doc
/// comment, which is its help text. Rules between settings belong into [`Config::problems`], not into clap's
/// `requires` and `conflicts_with`, because each setting is checked alone.
pub trait Config: clap::Args + Send + 'static {
    /// What is wrong with settings that are each fine by themselves. `cloud` says that this is Cloud Run.
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let _ = cloud;
        Vec::new()
    }
}

/// Fewest characters of a secret that we only compare.
pub const SECRET_MIN: usize = 16;

/// Value parser of a secret.
///
/// # Errors
/// The text is blank.
pub fn secret(text: &str) -> Result<SecretString, String> {
    let text = text.trim();
    if text.is_empty() { Err("must not be blank".into()) } else { Ok(text.into()) }
}

/// Value parser of the address of a service: an absolute `http` or `https` URL without query or fragment.
///
/// # Errors
/// The text is something else.
pub fn base_url(text: &str) -> Result<Url, String> {
    const WHY: &str = "must be an absolute http(s) URL without query or fragment";
    let url = Url::parse(text.trim()).map_err(|_| WHY)?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if plain { Ok(url) } else { Err(WHY.into()) }
}

/// Whether a provider may be a stand-in where it matters. For the services to flatten into their settings.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
#[group(skip)]
pub struct AllowSandbox {
    /// Lets a process in the cloud use a provider that is a stand-in: 1 or 0
    #[arg(
        long,
        env = "ALLOW_SANDBOX",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        default_value = "0"
    )]
    pub allow_sandbox: bool,
}

impl AllowSandbox {
    /// The problem of a provider's address that is plain http: a stand-in, or it shows the key to the network. Neither
    /// goes unasked in the cloud.
    pub fn refuse(self, setting: &str, address: &Url) -> Option<Problem> {
        let unasked = address.scheme() == "http" && !self.allow_sandbox;
        unasked.then(|| Problem::new(setting, "must be https in the cloud unless ALLOW_SANDBOX is 1"))
    }

    /// The problem of an emulator in Firestore's place: what it keeps is gone with it.
    pub fn refuse_emulator(self, host: Option<&str>) -> Option<Problem> {
        let unasked = host.is_some() && !self.allow_sandbox;
        unasked.then(|| {
            Problem::new("FIRESTORE_EMULATOR_HOST", "must be unset in the cloud unless ALLOW_SANDBOX is 1")
        })
    }
}

/// Problems in one line.
pub fn listed(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    fn vars<const N: usize>(pairs: [(&str, &str); N]) -> Vars {
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn file(text: &str) -> std::path::PathBuf {
        let path = env::temp_dir().join(format!("chassis-{}.env", crate::request_id::make()));
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn the_process_environment_stands_over_the_file() {
        let path = file("CHASSIS_BOTH=file\nCHASSIS_FILE='of the file'\nCHASSIS_BLANK=x\n");
        let process = vars([("CHASSIS_BOTH", "process"), ("CHASSIS_BLANK", " ")]);
        let merged = process.clone().over_file(&path);
        assert_eq!(merged.get("CHASSIS_BOTH"), Some("process"));
        assert_eq!(merged.get("CHASSIS_FILE"), Some("of the file"));
        assert_eq!(merged.get("CHASSIS_BLANK"), Some("x"), "an empty value counts as unset");
        assert!(env::var_os("CHASSIS_FILE").is_none(), "the process environment is left alone");

        let mut cloud = process;
        cloud.set("K_SERVICE", "gateway");
        assert_eq!(cloud.over_file(&path).get("CHASSIS_FILE"), None);
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_broken_file_is_a_problem_that_does_not_quote_it() {
        let path = file("GOOD=1\nBAD LINE sesame=\n");
        let read = Vars::default().over_file(&path);
        assert_eq!(read.problems, [Problem::new(".env", "what follows GOOD cannot be read")]);
        assert!(!format!("{:?}", vars([("KEY", "sesame")])).contains("sesame"));
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn an_address_is_an_absolute_http_url() {
        for good in ["http://127.0.0.1:8081", " https://broker.example/base "] {
            assert!(base_url(good).is_ok(), "{good}");
        }
        for bad in
            ["", "broker:8081", "/path", "ftp://x", "http://", "http://u:p@x", "http://x?k=1", "http://x#f"]
        {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_trimmed_and_never_blank() {
        assert_eq!(secret(" k3y\n").unwrap().expose_secret(), "k3y");
        assert!(secret("  ").is_err());
    }
}
