//! Everybody who is asked to forget a person, as one: they answer from a script, and the books take down what is said.

use std::collections::VecDeque;

use prost_types::Timestamp;
use proto::{
    common::v1::{
        Count, ErasePersonRequest, ErasePersonResponse, ListInboxRequest, ListInboxResponse, Person,
        ReplayInboxRequest, ReplayInboxResponse, TickRequest, TickResponse,
        operations_service_server::OperationsService,
    },
    sheets::v1::{Erasure, ErasureAnswer, RecordErasureRequest},
};
use tonic::{Request, Response, Status, async_trait};

use crate::backend::Backend;

/// A person's being forgotten.
#[derive(Default)]
pub(crate) struct Forgetting {
    /// What the next ones who are asked answer, in order.
    pub(crate) script: VecDeque<Result<Said, Status>>,
    /// What they were asked.
    pub(crate) asked: Vec<ErasePersonRequest>,
    answers: Vec<ErasureAnswer>,
    ended: bool,
}

/// One answer.
pub(crate) enum Said {
    /// Nothing is left; so many threads went.
    Done(i64),
    /// So many threads went, and it waits for something.
    Waits(i64, &'static str),
    /// The books': the erasure has ended.
    End,
}

impl Backend {
    pub(crate) fn forgets(&self, script: impl IntoIterator<Item = Result<Said, Status>>) {
        self.notes().forgetting.script.extend(script);
    }

    pub(crate) fn note_answer(&self, request: RecordErasureRequest) {
        let RecordErasureRequest { service, done, erased, waiting_for, .. } = request;
        let time = Some(Timestamp { seconds: 1_761_667_900, nanos: 0 });
        let answer = ErasureAnswer { service, done, erased, waiting_for, time };
        let answers = &mut self.notes().forgetting.answers;
        answers.retain(|known| known.service != answer.service);
        answers.push(answer);
    }

    pub(crate) fn erasure(&self) -> Erasure {
        let notes = self.notes();
        let Forgetting { answers, ended, .. } = &notes.forgetting;
        let person = Person {
            emails: vec!["ann@example.com".into()],
            visitor_ids: vec!["vis_1".into()],
            whop_user_ids: vec!["user_mara".into(), "user_of_old".into()],
            ..Person::default()
        };
        Erasure {
            erasure_id: "era_1".into(),
            contact_id: "con_1".into(),
            create_time: Some(Timestamp { seconds: 1_761_667_800, nanos: 0 }),
            end_time: ended.then_some(Timestamp { seconds: 1_761_668_000, nanos: 0 }),
            person: (!ended).then_some(person),
            answers: answers.clone(),
        }
    }
}

fn threads(number: i64) -> Vec<Count> {
    vec![Count { kind: "threads".into(), number }]
}

#[async_trait]
impl OperationsService for Backend {
    async fn tick(&self, _: Request<TickRequest>) -> Result<Response<TickResponse>, Status> {
        Err(Status::unimplemented("the gateway keeps no time"))
    }

    async fn list_inbox(&self, _: Request<ListInboxRequest>) -> Result<Response<ListInboxResponse>, Status> {
        Err(Status::unimplemented("the gateway looks into no inbox"))
    }

    async fn replay_inbox(
        &self,
        _: Request<ReplayInboxRequest>,
    ) -> Result<Response<ReplayInboxResponse>, Status> {
        Err(Status::unimplemented("the gateway replays nothing"))
    }

    async fn erase_person(
        &self,
        request: Request<ErasePersonRequest>,
    ) -> Result<Response<ErasePersonResponse>, Status> {
        let forgetting = &mut self.notes().forgetting;
        forgetting.asked.push(request.into_inner());
        let said = forgetting.script.pop_front().expect("nobody else is asked")?;
        let (done, erased, waiting_for) = match said {
            Said::Done(number) => (true, threads(number), String::new()),
            Said::Waits(number, why) => (false, threads(number), why.to_owned()),
            Said::End => {
                forgetting.ended = true;
                (true, threads(0), String::new())
            }
        };
        Ok(Response::new(ErasePersonResponse { done, erased, waiting_for }))
    }
}
