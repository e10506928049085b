//! A whole process: exit codes, signals, logs. Has no test harness, because it runs itself as the service under test.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    env,
    io::{BufRead as _, BufReader, Lines, Read as _, Write as _},
    net::TcpStream,
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};
use chassis::{Config, Context, Problem, Spec, telemetry};
use secrecy::SecretString;
use serde_json::Value;

/// Set in the process that is the service.
const ROLE: &str = "CHASSIS_TEST_SERVICE";
/// What must not be seen anywhere.
const PLANTED: &str = "sesame-open-yourself";
const PATIENCE: Duration = Duration::from_secs(20);

fn main() -> ExitCode {
    if env::var_os(ROLE).is_some() {
        return chassis::run(Spec { name: "shop", about: "Sells things.", port: 8099 }, shop);
    }
    let tests: [(&str, fn()); 7] = [
        ("wrong settings are told at once", wrong_settings_are_told_at_once),
        ("help is the reference", help_is_the_reference),
        ("a process drains after a signal", a_process_drains_after_a_signal),
        ("a second signal ends it at once", a_second_signal_ends_it_at_once),
        ("logs hold no secret", logs_hold_no_secret),
        ("what was told is flushed to the collector", what_was_told_is_flushed_to_the_collector),
        ("a deaf collector does not keep a process", a_deaf_collector_does_not_keep_a_process),
    ];
    for (name, test) in tests {
        test();
        println!("{name} ... ok");
    }
    ExitCode::SUCCESS
}

// === the service ===

#[derive(Debug, clap::Args)]
struct Settings {
    /// Key of the till
    #[arg(long, env = "TILL_KEY", value_parser = chassis::config::secret)]
    till_key: Option<SecretString>,
    /// Doors
    #[arg(long, env = "DOORS", default_value = "1")]
    doors: u8,
}

impl Config for Settings {
    fn problems(&self, cloud: bool) -> Vec<Problem> {
        let missing = cloud && self.till_key.is_none();
        missing.then(|| Problem::new("TILL_KEY", "is required on Cloud Run")).into_iter().collect()
    }
}

async fn shop(settings: Settings, context: Context) -> anyhow::Result<chassis::Server> {
    tracing::info!(doors = settings.doors, cloud = context.cloud, "open");
    let leaving = context.shutdown.clone();
    let last = || async move {
        tracing::info!("last customer");
        leaving.cancelled().await;
        "sold"
    };
    let stuck = || async {
        tracing::info!("stuck customer");
        std::future::pending::<()>().await;
    };
    let router = Router::new()
        .route("/last", get(last))
        .route("/stuck", get(stuck))
        .route("/fail", post(|| async { StatusCode::INTERNAL_SERVER_ERROR }));
    Ok(router.layer(telemetry::http_layer(context.name)).into())
}

// === running it ===

/// A running shop.
struct Shop {
    child: Child,
    log: Lines<BufReader<ChildStdout>>,
    addr: String,
}

impl Drop for Shop {
    fn drop(&mut self) {
        // it is gone already if all went well
        let _ = self.child.kill();
    }
}

fn command(vars: &[(&str, &str)], args: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env_clear().env(ROLE, "1").envs(vars.iter().copied()).args(args);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn open() -> Shop {
    open_with(&[])
}

fn open_with(more: &[(&str, &str)]) -> Shop {
    let vars = [
        ("K_SERVICE", "shop"),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("TILL_KEY", PLANTED),
        ("RUST_LOG", "trace"),
    ];
    let mut child = command(&[&vars, more].concat(), &[]).spawn().unwrap();
    let log = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut shop = Shop { child, log, addr: String::new() };
    shop.addr = shop.line("serving")["address"].as_str().unwrap().to_owned();
    shop
}

impl Shop {
    /// The next line of the log with this message.
    fn line(&mut self, message: &str) -> Value {
        let lines = self.log.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        lines.into_iter().find(|line| line["message"] == message).expect(message)
    }

    /// Sends a request and gives the answer when it is there.
    fn ask(&self, request: &str) -> mpsc::Receiver<String> {
        let (send, receive) = mpsc::channel();
        let mut stream = TcpStream::connect(&self.addr).unwrap();
        let request = format!(
            "{request} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\nauthorization: Bearer {PLANTED}\r\ncontent-length: 20\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n{PLANTED}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        thread::spawn(move || {
            let mut answer = String::new();
            let _ = stream.read_to_string(&mut answer);
            let _ = send.send(answer);
        });
        receive
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn exit_code(&mut self) -> Option<i32> {
        let (done, wait) = mpsc::channel::<()>();
        let id = self.child.id().to_string();
        let watch = thread::spawn(move || {
            // a process that does not leave fails the test rather than hold it up
            if wait.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &id]).status();
            }
        });
        // a full pipe would keep it from leaving
        self.log.by_ref().for_each(drop);
        let status = self.child.wait().unwrap();
        drop(done);
        watch.join().unwrap();
        status.code()
    }
}

// === tests ===

fn wrong_settings_are_told_at_once() {
    let output =
        command(&[("DOORS", "many"), ("PORT", PLANTED), ("HOST", "")], &["--roof=2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).unwrap();
    let expected = "shop cannot start:\n  --roof: there is no such flag\n  PORT: invalid digit found in string\n  \
                    DOORS: invalid digit found in string\nsee shop --help\n";
    assert_eq!(text, expected);

    let output = command(&[("K_SERVICE", "shop"), ("DOORS", "999")], &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(line["severity"], "CRITICAL");
    let why = "shop cannot start: DOORS: the value is not in 0..=255; TILL_KEY: is required on Cloud Run";
    assert_eq!(line["message"], why);
}

fn help_is_the_reference() {
    let output = command(&[("TILL_KEY", PLANTED), ("DOORS", "many")], &["--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in ["Sells things.", "TILL_KEY", "Key of the till", "DOORS", "HOST", "127.0.0.1", "PORT", "8099"]
    {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains(PLANTED) && !text.contains("many"), "{text}");
    let output = command(&[], &["--version"]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("shop {}\n", env!("CARGO_PKG_VERSION")));
}

fn a_process_drains_after_a_signal() {
    let mut shop = open();
    let answer = shop.ask("GET /last");
    shop.line("last customer");
    shop.signal("-TERM");
    assert_eq!(shop.line("leaving")["signal"], "SIGTERM");
    assert_eq!(shop.line("drained")["severity"], "INFO");
    assert!(answer.recv_timeout(PATIENCE).unwrap().ends_with("sold"));
    assert_eq!(shop.exit_code(), Some(0));
}

fn a_second_signal_ends_it_at_once() {
    let mut shop = open();
    let _answer = shop.ask("GET /stuck");
    shop.line("stuck customer");
    shop.signal("-INT");
    assert_eq!(shop.line("leaving")["signal"], "SIGINT");
    shop.signal("-TERM");
    assert_eq!(shop.line("leaving at once")["signal"], "SIGTERM");
    assert_eq!(shop.exit_code(), Some(130));
}

fn logs_hold_no_secret() {
    let mut shop = open();
    let answer = shop.ask(&format!("POST /fail?key={PLANTED}")).recv_timeout(PATIENCE).unwrap();
    assert!(answer.starts_with("HTTP/1.1 500") && answer.contains("x-request-id: "), "{answer}");
    let missing = shop.ask(&format!("GET /{PLANTED}")).recv_timeout(PATIENCE).unwrap();
    assert!(missing.starts_with("HTTP/1.1 404"));
    shop.signal("-TERM");
    let lines: Vec<String> = shop.log.by_ref().map(Result::unwrap).collect();
    assert!(lines.iter().all(|line| !line.contains(PLANTED)), "{lines:#?}");
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let failed: Vec<_> = lines.iter().filter(|line| line["severity"] == "ERROR").collect();
    let [failed] = failed.as_slice() else { panic!("a failure is logged once: {failed:#?}") };
    assert_eq!(failed["message"], "request failed");
    assert_eq!(failed["logging.googleapis.com/trace"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!((&failed["http.route"], &failed["http.response.status_code"]), (&"/fail".into(), &500.into()));
    assert!(answer.contains(failed["request.id"].as_str().unwrap()));
    assert!(failed["duration_ms"].is_f64());
    let served: Vec<_> = lines.iter().filter(|line| line["message"] == "request served").collect();
    assert_eq!(
        (&served[0]["http.route"], &served[0]["http.response.status_code"]),
        (&Value::Null, &404.into())
    );
    assert_eq!(shop.exit_code(), Some(0));
}

fn what_was_told_is_flushed_to_the_collector() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (told, heard) = mpsc::channel();
    let collect = move |request: axum::extract::Request| {
        told.send(request.uri().path().to_owned()).unwrap();
        // an empty message and no trailers: what counts is that it came
        async { ([("content-type", "application/grpc"), ("grpc-status", "0")], [0_u8; 5].to_vec()) }
    };
    let listener = runtime.block_on(chassis::bind([127, 0, 0, 1].into(), 0)).unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let collector = Router::new().fallback(collect).into();
    runtime.spawn(chassis::serve(listener, collector, Context::new("collector", false)));

    let mut shop = open_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    assert!(shop.ask("POST /fail").recv_timeout(PATIENCE).unwrap().starts_with("HTTP/1.1 500"));
    shop.signal("-TERM");
    assert_eq!(shop.exit_code(), Some(0));
    let mut paths: Vec<String> = heard.try_iter().collect();
    paths.sort();
    paths.dedup();
    let expected = ["metrics.v1.MetricsService", "trace.v1.TraceService"]
        .map(|service| format!("/opentelemetry.proto.collector.{service}/Export"));
    assert_eq!(paths, expected);
}

fn a_deaf_collector_does_not_keep_a_process() {
    let deaf = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", deaf.local_addr().unwrap());
    let mut shop = open_with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)]);
    shop.ask("POST /fail").recv_timeout(PATIENCE).unwrap();
    shop.signal("-TERM");
    shop.line("telemetry was not flushed in time");
    assert_eq!(shop.exit_code(), Some(0));
}
