//! Any order: statements and calendar events about the same things, reordered and again, end in the same rows.
//!
//! Events tell what the provider has, or had: with the uid of the time, or with none.

use std::{cell::Cell, sync::Arc};

use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::json;

use super::*;
use crate::{
    people,
    rows::list::{self, Filter},
};

/// Schedules of one case, which run at one time over one store: 1,024 in all.
const AT_ONCE: usize = 4;
const MEETINGS: usize = 2;

/// Whose something is at first, and from its second version on.
type Owners = [u8; 2];

/// What happened at the providers.
#[derive(Clone, Debug)]
struct World {
    /// Of each meeting its owners, its moves (true: with a new uid), and whether it ends canceled.
    meetings: Vec<(Owners, Vec<bool>, bool)>,
    /// Of each payment its owners and how far it came.
    payments: Vec<(Owners, u64)>,
    subscription: (Owners, u64),
    merged: bool,
    /// Which versions of meetings events tell of: meeting, version, with its uid.
    told: Vec<(usize, u64, bool)>,
}

/// Something that comes.
#[derive(Clone, Debug)]
enum Step {
    Booking(usize, u64),
    Payment(usize, u64),
    Subscription(u64),
    Event(usize),
    Merge,
}

fn world() -> impl Strategy<Value = World> {
    let owners = || [0..2_u8, 0..2_u8];
    let meeting = (owners(), prop::collection::vec(any::<bool>(), 0..3), prop::bool::weighted(0.3));
    let told = prop::collection::vec((0..MEETINGS, 1..4_u64, any::<bool>()), 0..5);
    let payments = prop::collection::vec((owners(), 1..5_u64), 1);
    let fields =
        (prop::collection::vec(meeting, MEETINGS), payments, (owners(), 1..3_u64), any::<bool>(), told);
    fields.prop_map(|(meetings, payments, subscription, merged, told)| World {
        meetings,
        payments,
        subscription,
        merged,
        told,
    })
}

/// A world, and the order in which its steps come: each at least once, some again.
fn schedule() -> impl Strategy<Value = (World, Vec<Step>)> {
    world().prop_flat_map(|world| {
        let steps = world.steps();
        let again = prop::collection::vec(0..steps.len(), 0..5);
        let order = again.prop_flat_map(move |again| {
            let again: Vec<Step> = again.into_iter().map(|index| steps[index].clone()).collect();
            Just([steps.clone(), again].concat()).prop_shuffle()
        });
        (Just(world), order)
    })
}

impl World {
    /// Everything in the order in which it happened.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for meeting in 0..MEETINGS {
            steps.extend((1..=self.last(meeting)).map(|version| Step::Booking(meeting, version)));
        }
        for (payment, (_, last)) in self.payments.iter().enumerate() {
            steps.extend((1..=*last).map(|version| Step::Payment(payment, version)));
        }
        steps.extend((1..=self.subscription.1).map(Step::Subscription));
        steps.extend((0..self.told.len()).map(Step::Event));
        steps.extend(self.merged.then_some(Step::Merge));
        steps
    }

    /// Version of a meeting as it ends.
    fn last(&self, meeting: usize) -> u64 {
        let (_, moves, canceled) = &self.meetings[meeting];
        1 + moves.len() as u64 + u64::from(*canceled)
    }

    /// Whether somebody had meetings and has none in the end.
    fn gave_all_away(&self, who: u8) -> bool {
        let had = self.meetings.iter().any(|(owners, ..)| owners[0] == who);
        let has = (0..MEETINGS).any(|meeting| owner(self.meetings[meeting].0, self.last(meeting)) == who);
        had && !has && !self.merged
    }

    /// A meeting in a version; `run` keeps schedules of one store apart.
    fn meeting(&self, run: &str, meeting: usize, version: u64) -> bookings::Statement {
        let (_, moves, canceled) = &self.meetings[meeting];
        let moves = &moves[..moves.len().min(version as usize - 1)];
        let mut uids = vec![format!("{run}m{meeting}")];
        uids.extend(
            (1..).zip(moves).filter(|(_, new)| **new).map(|(nth, _)| format!("{run}m{meeting}.{nth}")),
        );
        let status = match moves.len() {
            _ if *canceled && version == self.last(meeting) => "canceled",
            0 => "booked",
            _ => "rescheduled",
        };
        let uids: Vec<&str> = uids.iter().map(String::as_str).collect();
        // Two meetings never fall together; the third start is the first one again.
        let hour = 8 + 6 * meeting + moves.len() % 2;
        super::meeting(&uids, version, hour as u8, status)
    }

    /// What an event tells of a meeting in a version; without a uid, of how it ends, since nothing says what it was.
    fn event(&self, run: &str, index: usize) -> Value {
        let (meeting, version, with_uid) = self.told[index];
        let last = self.last(meeting);
        let version = if with_uid { version.min(last) } else { last };
        let known = self.meeting(run, meeting, version);
        let mut event = json!({"id": format!("{run}.{index}"), "cal_provider": "cal.com",
            "type": format!("calendar.{}", known.said.status.replace("canceled", "cancelled")),
            "email": mail(run, owner(self.meetings[meeting].0, version)), "event_start": known.said.event_start,
            "occurred_at": format!("2025-10-01T10:{:02}:{index:02}Z", version), "meeting_type": "Talk"});
        if with_uid {
            event["uid"] = json!(known.uids.last());
        }
        event
    }
}

fn owner(owners: Owners, version: u64) -> u8 {
    owners[usize::from(version > 1)]
}

fn mail(run: &str, owner: u8) -> String {
    format!("{run}p{owner}@example.com")
}

fn party(run: &str, owner: u8) -> Party {
    Party { identity: email(&mail(run, owner)), ..ann() }
}

impl Desk {
    async fn take(&self, world: &World, run: &str, people: &[String; 2], step: &Step) {
        match step {
            Step::Booking(meeting, version) => {
                let owner = party(run, owner(world.meetings[*meeting].0, *version));
                self.state(world.meeting(run, *meeting, *version), &owner).await;
            }
            Step::Payment(payment, version) => {
                let (status, refunded) =
                    [("pending", 0), ("paid", 0), ("partially_refunded", 500), ("disputed", 500)]
                        [*version as usize - 1];
                let owner = party(run, owner(world.payments[*payment].0, *version));
                let id = format!("{run}pi_{payment}");
                self.pay(super::payment(&id, *version, status, refunded), &owner).await;
            }
            Step::Subscription(version) => {
                let status = ["active", "past_due", "canceled"][*version as usize - 1];
                let owner = party(run, owner(world.subscription.0, *version));
                self.subscribe(subscription(&format!("{run}sub"), *version, status), &owner).await;
            }
            Step::Event(index) => self.tell(world.event(run, *index)).await,
            Step::Merge => drop(people::merge(&*self.store, &people[0], &people[1]).await.unwrap()),
        }
    }

    /// Two people who want something.
    async fn people(&self, run: &str) -> [String; 2] {
        let mut people = [String::new(), String::new()];
        for (owner, id) in (0..).zip(&mut people) {
            *id = self.want(email(&mail(run, owner))).await;
        }
        people
    }

    /// What the books say of the people of a run; ids that depend on what came first are left out.
    async fn read(&self, world: &World, run: &str, people: &[String; 2]) -> Vec<String> {
        let mut books = Vec::new();
        for tab in [Tab::Leads, Tab::Engagements, Tab::Bookings, Tab::Subscriptions, Tab::Payments] {
            for (nth, id) in (0..).zip(people) {
                // That a lead was booked stays true of who had the meeting for a while, if it was heard.
                if tab == Tab::Leads && world.gave_all_away(nth) {
                    continue;
                }
                let filter = Filter { subject: Some(id.clone()), ..Filter::default() };
                let (mut rows, _) = list::list(&*self.store, tab, &filter, 100, None).await.unwrap();
                people::show_survivors(&*self.store, rows.iter_mut()).await.unwrap();
                for row in rows {
                    let mut cells = crate::wire::cells_json(row.cells);
                    let is_merged = cells
                        .values()
                        .any(|cell| cell.as_str().is_some_and(|text| text.starts_with("merged into ")));
                    if is_merged {
                        continue;
                    }
                    if matches!(tab, Tab::Leads | Tab::Bookings) {
                        cells.remove("id");
                    }
                    // By contact and start alone nobody can tell which address it was.
                    let text = Value::Object(cells).to_string();
                    let engagement = (0..MEETINGS).map(|meeting| {
                        let first = format!("{run}m{meeting}");
                        domain::id::EngagementId::derive(&["booking", "cal.com", &first]).to_string()
                    });
                    let named =
                        engagement.enumerate().fold(text, |text, (n, id)| text.replace(&id, &n.to_string()));
                    let named = named.replace(&people[0], "ann").replace(&people[1], "ben").replace(run, "");
                    books.push(format!("{tab} {named}"));
                }
            }
        }
        books.sort();
        books
    }
}

/// Has everything come in order and as `order` says, and holds the two ends against each other; answers how many
/// meetings were moved.
async fn hold(desk: Arc<Desk>, run: usize, (world, order): (World, Vec<Step>)) -> Result<usize, String> {
    let (calm, storm) = (format!("r{run}x"), format!("r{}x", run + 1));
    let mut ends = Vec::new();
    for (run, steps) in [(&calm, &world.steps()), (&storm, &order)] {
        let people = desk.people(run).await;
        for step in steps {
            desk.take(&world, run, &people, step).await;
        }
        ends.push(desk.read(&world, run, &people).await);
    }
    if ends[0] != ends[1] {
        return Err(format!("{order:?} of {world:#?}\n  found {:#?}\n  not {:#?}", ends[1], ends[0]));
    }
    let meetings = ends[0].iter().filter(|row| row.starts_with("bookings")).count();
    if meetings != MEETINGS {
        return Err(format!("{meetings} meetings in {:#?}", ends[0]));
    }
    Ok(world.meetings.iter().filter(|(_, moves, _)| !moves.is_empty()).count())
}

/// A meeting goes from eight to nine and back; somebody tells of its end without its uid, and then late of its beginning.
#[tokio::test]
async fn an_old_word_takes_no_start_from_the_meeting_that_is_there() {
    let world = World {
        meetings: vec![([0, 0], vec![false, true], false), ([1, 0], vec![], false)],
        payments: vec![([0, 0], 1)],
        subscription: ([1, 1], 1),
        merged: false,
        told: vec![(0, 2, false), (0, 2, true), (0, 1, true)],
    };
    let order = [
        Step::Event(1),
        Step::Booking(0, 2),
        Step::Event(0),
        Step::Event(2),
        Step::Booking(0, 3),
        Step::Booking(0, 1),
        Step::Booking(1, 1),
        Step::Payment(0, 1),
        Step::Subscription(1),
    ];
    hold(Arc::new(Desk::open()), 0, (world, order.into())).await.unwrap();
}

#[test]
fn any_order_ends_in_the_same_rows() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let tries = config.cases as usize * AT_ONCE;
    let (desk, runs, moved) = (Arc::new(Desk::open()), Cell::new(0), Cell::new(0));
    let tried = TestRunner::new(config).run(&prop::collection::vec(schedule(), AT_ONCE), |schedules| {
        let held = runtime.block_on(async {
            let mut holding = tokio::task::JoinSet::new();
            for schedule in schedules {
                runs.set(runs.get() + 2);
                holding.spawn(hold(desk.clone(), runs.get(), schedule));
            }
            holding.join_all().await
        });
        for held in held {
            moved.set(moved.get() + held.map_err(TestCaseError::fail)?);
        }
        Ok(())
    });
    tried.unwrap();
    assert!(moved.get() > tries / 2, "few meetings were moved: {}", moved.get());
}
