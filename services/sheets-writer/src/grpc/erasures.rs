//! Being forgotten over gRPC.

use domain::Fault;
use proto::{
    common::v1::{Count, Person},
    sheets::v1::{
        self as pb, BeginErasureRequest, ListErasuresRequest, ListErasuresResponse, RecordErasureRequest,
    },
};

use super::{Books, page::Page};
use crate::{
    erasure::{self, Answer, Counts, Erasure},
    error::Error,
    people::Known,
    wire::wire_time,
};

impl Books {
    pub(super) async fn begin(&self, request: BeginErasureRequest) -> Result<pb::Erasure, Error> {
        Ok(wire_erasure(erasure::begin(&*self.store, &request.contact_id, (self.clock)()).await?))
    }

    pub(super) async fn record(&self, request: RecordErasureRequest) -> Result<pb::Erasure, Error> {
        let mut erased = Counts::new();
        for Count { kind, number } in request.erased {
            let number = u64::try_from(number)
                .map_err(|_| Fault::invalid("erased", "erased must not count below 0"))?;
            erased.insert(kind, number);
        }
        let answer = Answer {
            service: request.service,
            done: request.done,
            erased,
            waiting_for: request.waiting_for,
            at: (self.clock)(),
        };
        Ok(wire_erasure(erasure::record(&*self.store, &request.erasure_id, answer).await?))
    }

    pub(super) async fn erasure(&self, erasure_id: &str) -> Result<pb::Erasure, Error> {
        Ok(wire_erasure(erasure::get(&*self.store, erasure_id).await?))
    }

    pub(super) async fn erasures(&self, request: ListErasuresRequest) -> Result<ListErasuresResponse, Error> {
        let page = Page::of(request.page_size, request.page_token)?;
        let read = async |limit, after| {
            let (found, next) = erasure::list(&*self.store, request.open_only, limit, after).await?;
            Ok((found.into_iter().map(wire_erasure).collect(), next))
        };
        let (erasures, next_page_token) = page.fill(read).await?;
        Ok(ListErasuresResponse { erasures, next_page_token })
    }
}

/// What was counted, as it is answered.
pub(super) fn wire_counts(counts: Counts) -> Vec<Count> {
    let count = |(kind, number): (String, u64)| Count { kind, number: number.try_into().unwrap_or(i64::MAX) };
    counts.into_iter().map(count).collect()
}

fn wire_erasure(erasure: Erasure) -> pb::Erasure {
    let answer = |answer: Answer| pb::ErasureAnswer {
        service: answer.service,
        done: answer.done,
        erased: wire_counts(answer.erased),
        waiting_for: answer.waiting_for,
        time: Some(wire_time(answer.at)),
    };
    pb::Erasure {
        erasure_id: erasure.id,
        contact_id: erasure.contact_id,
        create_time: Some(wire_time(erasure.began_at)),
        end_time: erasure.ended_at.map(wire_time),
        person: erasure.open.then(|| wire_person(erasure.known)),
        answers: erasure.answers.into_iter().map(answer).collect(),
    }
}

/// What other services may know the person by.
fn wire_person(known: Known) -> Person {
    Person {
        contact_ids: known.contact_ids.into_iter().collect(),
        visitor_ids: known.visitors.into_iter().collect(),
        whop_user_ids: known.whop_users.into_iter().collect(),
        emails: known.emails.into_iter().collect(),
        phones: known.phones.into_iter().collect(),
    }
}
