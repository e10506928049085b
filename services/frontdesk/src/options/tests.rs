//! What the settings come to.

use secrecy::ExposeSecret as _;

use super::*;

fn read(pairs: &[(&str, &str)], args: &[&str]) -> Result<Options, Vec<String>> {
    let vars = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Options::read(vars, args.iter().map(|arg| (*arg).to_owned()).collect())
        .map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

/// What makes Whop live.
const WHOP: [(&str, &str); 2] = [("WHOP_API_KEY", "apik_1"), ("WHOP_ACCOUNT_ID", "biz_1")];

#[test]
fn without_a_key_every_provider_is_a_sandbox() {
    let options = read(&[], &[]).unwrap();
    assert_eq!(options.sandboxed, Provider::ALL.into());
    assert_eq!((options.host.to_string().as_str(), options.port), ("127.0.0.1", 8080));
    assert_eq!(options.sheets_writer.google_sheets_id, sandbox::SPREADSHEET_ID);
}

#[test]
fn a_key_makes_its_provider_live() {
    let options = read(&[("GOOGLE_SHEETS_ID", "sheet-1")], &["--port=0"]).unwrap();
    let others = [Provider::OpenAi, Provider::CalCom, Provider::Stripe, Provider::Whop];
    assert_eq!(options.sandboxed, others.into());
    assert_eq!(options.port, 0);
    assert!(options.sheets_writer.google_access_token.is_none());
}

#[test]
fn no_sandbox_where_it_is_live_or_in_the_cloud() {
    let problems = read(&[("GOOGLE_SHEETS_ID", "sheet-1")], &["--live"]).unwrap_err();
    let missing = [
        "CALCOM_API_KEY: is required: Cal.com would be a sandbox",
        "OPENAI_API_KEY: is required: OpenAI would be a sandbox",
        "STRIPE_SECRET_KEY: is required: Stripe would be a sandbox",
        "WHOP_API_KEY: is required: Whop would be a sandbox",
    ];
    assert_eq!(problems, missing);
    let problems = read(&[("K_SERVICE", "frontdesk")], &[]).unwrap_err();
    assert!(
        problems.iter().any(|problem| problem.starts_with("GOOGLE_SHEETS_ID: is required")),
        "{problems:?}"
    );
}

#[test]
fn what_is_invented_gets_a_ledger_of_its_own_beside_a_live_sheet() {
    let live = [
        ("GOOGLE_SHEETS_ID", "sheet-1"),
        ("OPENAI_API_KEY", "sk-1"),
        ("N8N_WEBHOOK_URL", "https://n8n.example/x"),
    ];
    let keys = |calcom, stripe| {
        [&live[..], &WHOP, &[("CALCOM_API_KEY", calcom), ("STRIPE_SECRET_KEY", stripe)]].concat()
    };
    let second = |vars: &[(&str, &str)], args: &[&str]| read(vars, args).unwrap().sandbox_ledger;
    let ledger = second(&live, &[]).expect("Cal.com, Stripe and Whop are stand-ins");
    assert_eq!(ledger.google_sheets_id, sandbox::SPREADSHEET_ID);
    assert!(ledger.google_access_token.is_some() && ledger.n8n_webhook_url.is_none());
    assert!(
        matches!(&ledger.store.location, store::Location::Sqlite(dir) if dir.ends_with("sandbox-ledger"))
    );
    for test_key in ["sk_test_1", "rk_test_1"] {
        assert!(second(&keys("cal_live_1", test_key), &[]).is_some(), "{test_key}");
        let problems = read(&keys("cal_live_1", test_key), &["--live"]).unwrap_err();
        let why = "must be of the live mode: payments of the test mode are invented";
        assert_eq!(problems, [format!("STRIPE_SECRET_KEY: {why}")]);
    }
    for real in ["sk_live_1", "rk_live_1"] {
        assert!(second(&keys("cal_live_1", real), &[]).is_none(), "{real}");
        assert!(!read(&keys("cal_live_1", real), &["--live"]).unwrap().drops_invented, "{real}");
    }
    let real = keys("cal_live_1", "sk_live_1");
    for elsewhere in ["CALCOM_BASE_URL", "STRIPE_BASE_URL", "WHOP_BASE_URL"] {
        let elsewhere = [&real[..], &[(elsewhere, "http://127.0.0.1:1")]].concat();
        assert!(second(&elsewhere, &[]).is_some(), "{elsewhere:?}");
    }
    let no_whop: Vec<_> = real.iter().copied().filter(|pair| !WHOP.contains(pair)).collect();
    assert!(second(&no_whop, &[]).is_some(), "Whop is a stand-in");
    let whops_own = [&real[..], &[("WHOP_BASE_URL", "https://sandbox-api.whop.com/api/v1")]].concat();
    assert!(second(&whops_own, &[]).is_some());
    let why = "WHOP_BASE_URL: must not be Whop's sandbox: its members are invented";
    assert_eq!(read(&whops_own, &["--live"]).unwrap_err(), [why]);
    let named = [&live[..], &[("SANDBOX_LEDGER_ADDR", "http://127.0.0.1:1")]].concat();
    assert!(second(&named, &[]).is_none(), "there is one already");
    assert!(second(&[], &[]).is_none(), "the one ledger is the sandbox's");
}

#[test]
fn the_books_of_the_stand_ins_sheet_have_one_place() {
    let place = |location: &store::Location| match location {
        store::Location::Sqlite(dir) => dir.display().to_string(),
        elsewhere => panic!("{elsewhere:?}"),
    };
    let only = read(&[], &["--frontdesk-dir=desk"]).unwrap();
    assert_eq!(place(&only.sheets_writer.store.location), "desk/sandbox-ledger");
    assert_eq!(place(&only.booking_payments.store.location), "desk");
    let both = read(&[("GOOGLE_SHEETS_ID", "sheet-1")], &["--frontdesk-dir=desk"]).unwrap();
    assert_eq!(place(&both.sheets_writer.store.location), "desk");
    assert_eq!(place(&both.sandbox_ledger.unwrap().store.location), "desk/sandbox-ledger");
}

#[test]
fn what_is_invented_in_the_cloud_and_goes_nowhere_is_known() {
    let cloud = [
        ("K_SERVICE", "frontdesk"),
        ("STORE", "firestore:agency"),
        ("GOOGLE_SHEETS_ID", "sheet-1"),
        ("OPENAI_API_KEY", "sk-1"),
        ("CALCOM_API_KEY", "cal_live_1"),
        ("CALCOM_WEBHOOK_SECRETS", "secret"),
        ("STRIPE_WEBHOOK_SECRETS", "whsec_1"),
        ("PUBLIC_BASE_URL", "https://desk.example.com"),
        ("ALLOWED_ORIGINS", "https://www.example.com"),
        ("TOKEN_KEYS", "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE"),
        ("EVENTS_WEBHOOK_SECRET", "0123456789abcdef0123456789abcdef"),
        WHOP[0],
        WHOP[1],
        ("WHOP_WEBHOOK_SECRETS", "ws_1"),
    ];
    let drops = |more: &[(&str, &str)]| read(&[&cloud[..], more].concat(), &[]).unwrap().drops_invented;
    assert!(drops(&[("STRIPE_SECRET_KEY", "sk_test_1")]));
    assert!(!drops(&[("STRIPE_SECRET_KEY", "sk_live_1")]));
    let named = [("STRIPE_SECRET_KEY", "sk_test_1"), ("SANDBOX_LEDGER_ADDR", "https://ledger.example.com")];
    assert!(!drops(&named));
}

#[test]
fn a_token_of_googles_goes_where_it_opens_something() {
    let tokens = |vars: &[(&str, &str)]| {
        let options = read(vars, &[]).unwrap();
        let [sheets, drive] =
            [options.sheets_writer.google_access_token, options.whop_gateway.google_access_token];
        [sheets, drive].map(|token| token.map(|token| token.expose_secret().to_owned()))
    };
    let (stand_in, real) = (Some(sandbox::ACCESS_TOKEN.to_owned()), Some("ya29.real".to_owned()));
    let (live, given) = (("GOOGLE_SHEETS_ID", "sheet-1"), ("GOOGLE_ACCESS_TOKEN", "ya29.real"));
    assert_eq!(tokens(&[given]), [stand_in.clone(), stand_in.clone()]);
    assert_eq!(tokens(&[live]), [None, stand_in.clone()]);
    assert_eq!(tokens(&[live, given]), [real.clone(), stand_in.clone()]);
    assert_eq!(tokens(&WHOP), [stand_in.clone(), None], "nothing of a stand-in's goes to Google");
    assert_eq!(tokens(&[&WHOP[..], &[given]].concat()), [stand_in, real.clone()]);
    assert_eq!(tokens(&[&WHOP[..], &[live, given]].concat()), [real.clone(), real]);
}

#[test]
fn all_problems_of_all_services_come_at_once_and_once() {
    let bad = [
        ("STORE", "mysql:x"),
        ("LIMIT_IP", "many"),
        ("LEAD_SCORE_THRESHOLD", "7"),
        ("ALLOWED_ORIGINS", "*"),
        ("PORT", "x"),
    ];
    let problems = read(&bad, &[]).unwrap_err();
    let named: Vec<&str> = problems.iter().filter_map(|problem| problem.split(':').next()).collect();
    assert_eq!(named, ["ALLOWED_ORIGINS", "LEAD_SCORE_THRESHOLD", "LIMIT_IP", "PORT", "STORE"]);
}

/// Where people look settings up.
const README: &str = include_str!("../../../../README.md");
/// What they copy.
const EXAMPLE: &str = include_str!("../../../../.env.example");

/// The names of all settings of `frontdesk` and of every service.
fn settings() -> BTreeSet<String> {
    let own = Own::augment_args(Command::new(""));
    let commands = services().into_iter().map(|(_, command)| command).chain([own]);
    let named = commands.flat_map(|command| {
        let names = command.get_arguments().filter_map(|arg| arg.get_env());
        names.map(|name| name.to_string_lossy().into_owned()).collect::<Vec<_>>()
    });
    named.collect()
}

#[test]
fn help_names_every_setting_once() {
    let page = help();
    assert!(page.starts_with("The back office"), "{page}");
    let own = ["HOST", "PORT", "FRONTDESK_DIR"];
    for setting in settings().iter().filter(|setting| !own.contains(&setting.as_str())) {
        assert_eq!(page.matches(&format!("\n  {setting}\n")).count(), 1, "{setting} in {page}");
    }
    for named in own.map(|setting| format!("[env: {setting}]")) {
        assert_eq!(page.matches(&named).count(), 1, "{named} in {page}");
    }
    assert!(page.contains("--live") && page.contains("RUST_LOG"), "{page}");
}

#[test]
fn the_readme_tells_of_every_setting() {
    let rows = README.lines().filter(|line| line.starts_with("| `"));
    let told: BTreeSet<&str> =
        rows.flat_map(|row| row[1..].split('|').next().unwrap().split('`').skip(1).step_by(2)).collect();
    let untold: Vec<String> =
        settings().into_iter().filter(|setting| !told.contains(setting.as_str())).collect();
    assert!(untold.is_empty(), "{untold:?} stand in no table of README.md");
}

#[test]
fn the_example_names_settings_alone() {
    let names = EXAMPLE
        .lines()
        .filter_map(|line| line.trim_start_matches("# ").split_once('='))
        .map(|(name, _)| name);
    let settings = settings();
    let mut count = 0;
    for name in
        names.filter(|name| name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'))
    {
        assert!(settings.contains(name), "{name} is no setting");
        count += 1;
    }
    assert!(count > 30, "{count}");
}
