//! One commit, one loss, and the truth about it.

use std::sync::{Arc, Mutex};

use store::{Precondition, Write};
use tokio::sync::oneshot;

use super::desk::{Desk, Theirs, Told, delete, put, put_for};
use crate::{
    cloud::relay::{End, Fate, Meanwhile, Mishap, nothing},
    world::until,
};

/// What is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A document that is not there yet.
    Create,
    /// Another state of a document in a known one.
    Change,
    /// A change of whatever is there.
    ChangeAny,
    /// Several documents, new and changed and unguarded.
    Several,
    /// One is changed and another one removed.
    PutAndDelete,
    /// A change of a document that expires.
    Expiring,
    /// A new document where an expired one still lies.
    OverExpired,
    /// A document, whatever was there.
    Unguarded,
}

/// What is lost, and what happens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Answer,
    Request,
    /// Somebody else overwrites one of the documents at once.
    AnswerThenOverwritten,
    RequestAndOverwritten,
    /// The request arrives after all, when its sender believes to know what became of it and somebody else has
    /// overwritten a document.
    Late,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    pub(super) number: usize,
    pub(super) shape: Shape,
    pub(super) loss: Loss,
    pub(super) end: End,
}

impl Shape {
    pub(super) const ALL: [Self; 8] = [
        Self::Create,
        Self::Change,
        Self::ChangeAny,
        Self::Several,
        Self::PutAndDelete,
        Self::Expiring,
        Self::OverExpired,
        Self::Unguarded,
    ];

    /// Puts there what the commit will find.
    async fn prepare(self, theirs: &Theirs, [a, b, c]: [&str; 3]) -> Vec<Write> {
        use Precondition::{Absent, Any, Exists, Version};
        let before = |id| put(id, "before", Absent);
        match self {
            Self::Create => vec![put(a, "ours", Absent)],
            Self::Change => {
                let version = theirs.commit(vec![before(a)]).await;
                vec![put(a, "ours", Version(version))]
            }
            Self::ChangeAny => {
                theirs.commit(vec![before(a)]).await;
                vec![put(a, "ours", Exists)]
            }
            Self::Several => {
                let version = theirs.commit(vec![before(a)]).await;
                vec![put(c, "ours", Any), put(b, "ours", Absent), put(a, "ours", Version(version))]
            }
            Self::PutAndDelete => {
                let version = theirs.commit(vec![before(a), before(b)]).await;
                vec![delete(b, Version(version)), put(a, "ours", Version(version))]
            }
            Self::Expiring => {
                let version = theirs.commit(vec![put_for(600, a, "before", Absent)]).await;
                vec![put_for(600, a, "ours", Version(version))]
            }
            Self::OverExpired => {
                theirs.commit(vec![put_for(-1, a, "before", Absent)]).await;
                vec![put(a, "ours", Absent)]
            }
            Self::Unguarded => vec![put(a, "ours", Any)],
        }
    }

    /// Which request to Firestore does it: what has expired is in the way of the first one.
    fn request(self) -> u64 {
        if self == Self::OverExpired { 2 } else { 1 }
    }

    /// Whose the documents are before, or when it did not happen, and when it did.
    fn states(self) -> [[Option<&'static str>; 3]; 2] {
        const fn state(a: Option<&'static str>) -> [Option<&'static str>; 3] {
            [a, None, None]
        }
        let (before, ours) = (Some("before"), Some("ours"));
        match self {
            Self::Create | Self::OverExpired | Self::Unguarded => [state(None), state(ours)],
            Self::Change | Self::ChangeAny | Self::Expiring => [state(before), state(ours)],
            Self::Several => [state(before), [ours; 3]],
            Self::PutAndDelete => [[before, before, None], state(ours)],
        }
    }
}

impl Loss {
    pub(super) const ALL: [Self; 5] =
        [Self::Answer, Self::Request, Self::AnswerThenOverwritten, Self::RequestAndOverwritten, Self::Late];

    /// Whether nobody had heard of the commit when its sender began to ask.
    pub(super) fn is_of_request(self) -> bool {
        matches!(self, Self::Request | Self::RequestAndOverwritten | Self::Late)
    }
}

impl Round {
    /// What it must be told to be.
    pub(super) fn expected(self) -> Told {
        match (self.shape, self.loss) {
            (_, Loss::Answer | Loss::AnswerThenOverwritten) => Told::Done,
            // It may still arrive and would be done then.
            (Shape::Unguarded, _) => Told::Unknown,
            // What they have made is there as well.
            (Shape::ChangeAny, Loss::RequestAndOverwritten) => Told::Done,
            (_, Loss::RequestAndOverwritten) => Told::Conflict,
            (_, Loss::Request | Loss::Late) => Told::Done,
        }
    }

    /// Plays it and checks what was told against the truth.
    pub(super) async fn play(self, desk: &Desk) -> Told {
        let ids = ["a", "b", "c"].map(|letter| format!("r{}-{letter}", self.number));
        let ids = ids.each_ref().map(String::as_str);
        let writes = self.shape.prepare(&desk.theirs, ids).await;
        assert_eq!(self.found(desk, ids).await, self.shape.states()[0], "{self:?}");
        let fates = desk.relay.fates().len();
        let met = || desk.relay.fates().get(fates).copied();
        let (overwritten, overwrite) = overwrite(&desk.theirs, ids[0]);
        let (release, released) = oneshot::channel::<()>();
        let mishap = match self.loss {
            Loss::Answer => Mishap::LoseAnswer(nothing(), self.end),
            Loss::AnswerThenOverwritten => Mishap::LoseAnswer(overwrite, self.end),
            Loss::Request => Mishap::LoseRequest(nothing(), self.end),
            Loss::RequestAndOverwritten => Mishap::LoseRequest(overwrite, self.end),
            Loss::Late => Mishap::DeliverLate(Box::pin(async { released.await.unwrap() }), self.end),
        };
        let told = desk.lose(self.shape.request(), writes, mishap).await;
        let [before, done] = self.shape.states();
        let now = self.found(desk, ids).await;
        let theirs = |[_, b, c]: [Option<&'static str>; 3]| [Some("theirs"), b, c];
        match self.loss {
            Loss::Answer => {
                assert_eq!(met(), Some(Fate::AnswerLost(Some(0))), "{self:?}: it happened");
                assert_eq!(now, done, "{self:?}: told {told:?}");
            }
            Loss::AnswerThenOverwritten => {
                assert_eq!(met(), Some(Fate::AnswerLost(Some(0))), "{self:?}: it happened");
                assert_eq!(overwritten.seen(), Some("ours".to_owned()), "{self:?}");
                assert_eq!(now, theirs(done), "{self:?}: told {told:?}, and it must not happen again");
            }
            Loss::Request => {
                assert_eq!(met(), Some(Fate::RequestLost), "{self:?}");
                assert_eq!(now, if told == Told::Done { done } else { before }, "{self:?}: told {told:?}");
            }
            Loss::RequestAndOverwritten => {
                assert_eq!(met(), Some(Fate::RequestLost), "{self:?}");
                assert_eq!(overwritten.seen().as_deref(), before[0], "{self:?}");
                let wanted = if told == Told::Done { done } else { theirs(before) };
                assert_eq!(now, wanted, "{self:?}: told {told:?}");
            }
            Loss::Late => {
                assert_eq!(now, if told == Told::Done { done } else { before }, "{self:?}: told {told:?}");
                desk.theirs.overwrite(ids[0]).await;
                release.send(()).unwrap();
                until("the late delivery", || met().is_some()).await;
                self.judge_late(met(), self.found(desk, ids).await, theirs(done));
            }
        }
        told
    }

    /// A late delivery changes nothing, unless it is of a write that nothing guards.
    fn judge_late(self, met: Option<Fate>, now: Found, overwritten: Found) {
        let Some(Fate::DeliveredLate(Some(status))) = met else { panic!("{self:?}: {met:?}") };
        if self.shape == Shape::Unguarded {
            assert_eq!((status, now), (0, self.shape.states()[1]), "{self:?}");
        } else {
            assert_ne!(status, 0, "{self:?}: it was done a second time");
            assert_eq!(now, overwritten, "{self:?}");
        }
    }

    async fn found(self, desk: &Desk, ids: [&str; 3]) -> Found {
        let mut found = [None; 3];
        for (found, id) in found.iter_mut().zip(ids) {
            let whose = desk.theirs.whose(id).await;
            *found = whose.map(|whose| match whose.as_str() {
                "before" => "before",
                "ours" => "ours",
                "theirs" => "theirs",
                _ => panic!("{self:?}: {whose}"),
            });
        }
        found
    }
}

type Found = [Option<&'static str>; 3];

/// Whose a document was when somebody else overwrote it.
struct Overwritten(Arc<Mutex<Option<String>>>);

impl Overwritten {
    fn seen(&self) -> Option<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Somebody else overwrites a document, when their time comes.
fn overwrite(theirs: &Theirs, id: &str) -> (Overwritten, Meanwhile) {
    let seen = Arc::new(Mutex::new(None));
    let (note, theirs, id) = (Arc::clone(&seen), theirs.clone(), id.to_owned());
    let meanwhile = async move {
        let whose = theirs.overwrite(&id).await;
        *note.lock().unwrap() = whose;
    };
    (Overwritten(seen), Box::pin(meanwhile))
}
