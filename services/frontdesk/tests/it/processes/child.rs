//! A real process under test, and what it said. It is killed when its value goes.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
};

use axum::Router;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
    task::JoinHandle,
    time::timeout,
};

use crate::world::{PATIENCE, until};

pub(crate) struct Process {
    name: String,
    child: Child,
    out: Said,
    err: Said,
    readers: Vec<JoinHandle<()>>,
}

/// What a process wrote so far.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

/// The binary of a service, which stands beside that of `frontdesk`.
pub(crate) fn binary(service: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_frontdesk")).with_file_name(service);
    assert!(path.is_file(), "run `cargo test --workspace`: {service} was not built");
    path
}

/// Serves `router` in this process until the test ends; answers its base address.
pub(crate) async fn host(router: Router) -> String {
    let listener = chassis::bind([127, 0, 0, 1].into(), 0).await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(sandbox::serve(listener, router, std::future::pending::<()>()));
    base
}

// === impl Process ===

impl Process {
    /// Starts a binary with `vars` as its whole environment and `dir` as its working directory.
    pub(crate) fn start(service: &str, dir: &Path, vars: &[(&str, &str)], args: &[&str]) -> Self {
        let mut command = Command::new(binary(service));
        command.env_clear().envs(vars.iter().copied()).args(args).current_dir(dir);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (out, err) = (Said::default(), Said::default());
        let readers = vec![
            out.clone().listen(child.stdout.take().unwrap()),
            err.clone().listen(child.stderr.take().unwrap()),
        ];
        Self { name: service.to_owned(), child, out, err, readers }
    }

    pub(crate) fn stdout(&self) -> String {
        self.out.text()
    }

    pub(crate) fn stderr(&self) -> String {
        self.err.text()
    }

    /// Everything it said.
    pub(crate) fn said(&self) -> String {
        format!("{}\n{}", self.stdout(), self.stderr())
    }

    /// Waits until it says `text`.
    pub(crate) async fn says(&mut self, text: &str) {
        self.wait_for(&format!("{text:?}"), |line| line.contains(text)).await;
    }

    /// Where a service in this process listens, as the log has it.
    pub(crate) async fn address(&mut self, service: &str) -> SocketAddr {
        let name = format!("\"{service}\"");
        let serving = |line: &str| line.contains("serving") && line.contains(&name);
        let line = self.wait_for(&format!("that {service} serves"), serving).await;
        let rest = line.split("127.0.0.1:").nth(1).unwrap_or_else(|| panic!("no address in {line}"));
        let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
        SocketAddr::from(([127, 0, 0, 1], port.parse().unwrap()))
    }

    /// The first line that `is` it; waits until there is one.
    async fn wait_for(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let Self { name, child, out, err, .. } = self;
        let find = |said: &Said| said.text().split_inclusive('\n').find(|line| is(line)).map(str::to_owned);
        let heard = || find(out).or_else(|| find(err));
        let mut line = None;
        until(&format!("{name} says {what}"), || {
            line = heard();
            line.is_some() || child.try_wait().unwrap().is_some()
        })
        .await;
        // What it said last may have been on its way when it ended.
        let line = line.or_else(heard);
        line.unwrap_or_else(|| panic!("{} ended without saying {what}:\n{}", self.name, self.said()))
    }

    /// Sends a signal such as `TERM`.
    pub(crate) async fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        // Every shell knows kill; the program of that name is not everywhere.
        let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &id]).status().await;
        assert!(sent.unwrap().success(), "kill -s {name} {id}");
    }

    /// Kills it at once.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }

    /// Waits until it is gone by itself, and answers its exit code.
    pub(crate) async fn gone(&mut self) -> i32 {
        let ended = timeout(PATIENCE, self.child.wait()).await;
        let status = ended.unwrap_or_else(|_| panic!("{} never ended:\n{}", self.name, self.said())).unwrap();
        for reader in self.readers.drain(..) {
            timeout(PATIENCE, reader).await.expect("its pipes close with it").unwrap();
        }
        status.code().unwrap_or_else(|| panic!("{} was killed: {status}", self.name))
    }
}

// === impl Said ===

impl Said {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }

    fn listen(self, mut pipe: impl AsyncRead + Unpin + Send + 'static) -> JoinHandle<()> {
        tokio::spawn(async move {
            let mut chunk = vec![0; 16 << 10];
            while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
                self.0.lock().unwrap().extend_from_slice(&chunk[..read]);
            }
        })
    }
}
