//! A TCP line that breaks: bytes go through as they come until the dice of the connection say otherwise.
//!
//! The invariant: a break is counted when it has really broken a connection over which something was said, and by what it
//! did there.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use fastrand::Rng;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep_until},
};

/// Longer than any connection of a test.
const EVER: Duration = Duration::from_secs(3_600);

/// How a connection ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Break {
    /// After so many bytes of what is asked.
    Asking(u64),
    /// After so many bytes of what is answered.
    Answering(u64),
    /// After so many bytes of what is asked nothing of the answers is heard any more, and so long after it the line is cut.
    Unheard(u64, Duration),
    /// After this time, whatever is under way.
    Moment(Duration),
}

/// What was broken, and how often.
pub(super) type Broken = BTreeMap<&'static str, usize>;

/// A line to somebody who may move. Clones are the same one; it ends with its test.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: Mutex<SocketAddr>,
    dice: Mutex<Rng>,
    /// How many bytes a connection lives at most while the line is wild.
    life: u64,
    wild: AtomicBool,
    /// What a connection is asked that is not to hear an answer any more.
    mute: Mutex<Option<&'static str>>,
    broken: Mutex<Broken>,
}

// === impl Line ===

impl Line {
    /// A line to nobody yet, calm at first.
    pub(super) async fn new(seed: u64, life: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: Mutex::new(address),
            dice: Mutex::new(Rng::with_seed(seed)),
            life,
            wild: AtomicBool::new(false),
            mute: Mutex::default(),
            broken: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(Arc::clone(&accepting).carry(stream));
            }
        });
        Self { address, shared }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Whom it reaches from now on.
    pub(super) fn set_upstream(&self, at: SocketAddr) {
        *lock(&self.shared.upstream) = at;
    }

    /// Whom it reaches.
    pub(super) fn upstream(&self) -> SocketAddr {
        *lock(&self.shared.upstream)
    }

    /// Whether new connections break.
    pub(super) fn set_wild(&self, wild: bool) {
        self.shared.wild.store(wild, Ordering::SeqCst);
    }

    /// From now on nothing is heard on a connection over which something is asked that holds this, until one end of it
    /// dies; or no more.
    pub(super) fn mute(&self, asked: Option<&'static str>) {
        *lock(&self.shared.mute) = asked;
    }

    pub(super) fn broken(&self) -> Broken {
        lock(&self.shared.broken).clone()
    }
}

// === impl Shared ===

impl Shared {
    async fn carry(self: Arc<Self>, near: TcpStream) {
        let fate = self.wild.load(Ordering::SeqCst).then(|| throw(&mut lock(&self.dice), self.life));
        let upstream = *lock(&self.upstream);
        let is_muted = |asked: &[u8]| lock(&self.mute).is_some_and(|mute| holds(asked, mute.as_bytes()));
        if let Ok(Some(how)) = carry(near, upstream, fate, is_muted).await {
            *lock(&self.broken).entry(how).or_default() += 1;
        }
    }
}

/// The fate of a connection that lives for `life` bytes or two seconds at most.
fn throw(dice: &mut Rng, life: u64) -> Break {
    let bytes = dice.u64(1..life);
    match dice.u64(0..10) {
        0..3 => Break::Asking(bytes),
        3..6 => Break::Answering(bytes),
        6..8 => Break::Unheard(bytes, Duration::from_millis(dice.u64(1..120))),
        _ => Break::Moment(Duration::from_micros(dice.u64(200..900_000))),
    }
}

/// A line for one connection, which meets this fate; where it is.
pub(super) async fn once(upstream: SocketAddr, fate: Break) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (near, _) = listener.accept().await?;
        carry(near, upstream, Some(fate), |_| false).await
    });
    address
}

/// Carries a connection to its end; how it was broken, if it was.
async fn carry(
    mut near: TcpStream,
    upstream: SocketAddr,
    fate: Option<Break>,
    is_muted: impl Fn(&[u8]) -> bool,
) -> io::Result<Option<&'static str>> {
    let mut far = TcpStream::connect(upstream).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.split(), far.split());
    let (mut asked, mut answered, mut is_heard) = (0, 0, true);
    let moment = match fate {
        Some(Break::Moment(after)) => after,
        _ => EVER,
    };
    let mut end = Instant::now() + moment;
    let (mut question, mut answer) = (vec![0; 16 << 10], vec![0; 16 << 10]);
    loop {
        tokio::select! {
            read = near_in.read(&mut question) => {
                let read = read?;
                if read == 0 {
                    return Ok(None);
                }
                asked += read as u64;
                if is_heard && is_muted(&question[..read]) {
                    is_heard = false;
                }
                match fate {
                    Some(Break::Asking(most)) if asked >= most => {
                        let over = usize::try_from(asked - most).unwrap();
                        far_out.write_all(&question[..read - over]).await?;
                        return Ok(Some("while asking"));
                    }
                    Some(Break::Unheard(most, pause)) if is_heard && asked >= most => {
                        (is_heard, end) = (false, Instant::now() + pause);
                    }
                    _ => {}
                }
                far_out.write_all(&question[..read]).await?;
            }
            read = far_in.read(&mut answer) => {
                let read = read?;
                if read == 0 {
                    return Ok(None);
                }
                answered += read as u64;
                match fate {
                    Some(Break::Answering(most)) if answered >= most => {
                        let over = usize::try_from(answered - most).unwrap();
                        near_out.write_all(&answer[..read - over]).await?;
                        return Ok(Some("while answering"));
                    }
                    _ if is_heard => near_out.write_all(&answer[..read]).await?,
                    _ => {}
                }
            }
            () = sleep_until(end) => {
                return Ok((asked > 0).then_some(if is_heard { "at a moment" } else { "answer unheard" }));
            }
        }
    }
}

fn holds(asked: &[u8], needle: &[u8]) -> bool {
    needle.is_empty() || asked.windows(needle.len()).any(|bytes| bytes == needle)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
