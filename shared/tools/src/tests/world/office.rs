//! Reports and notices.

use domain::id::digest;
use proto::{
    common::v1::Money,
    ops::v1::{
        Anomaly, Figure, FindAnomaliesRequest, FindAnomaliesResponse, Funnel, GetWeeklySummaryRequest,
        GetWeeklySummaryResponse, ListNoticesRequest, ListNoticesResponse, NotifyEventRequest,
        NotifyEventResponse, NotifyRequest, NotifyResponse, PublishWeeklySummaryRequest,
        PublishWeeklySummaryResponse, WeeklySummary, notify_service_server::NotifyService,
        report_service_server::ReportService,
    },
};
use tonic::{Request, Response, Status};

use super::{PEOPLE, World, never, time};

fn summary() -> WeeklySummary {
    let total = Funnel { sessions: 40, leads: 4, bookings: 2, payments: 1, ..Funnel::default() };
    WeeklySummary {
        from_time: time("2026-11-08T23:00:00Z"),
        to_time: time("2026-11-15T23:00:00Z"),
        time_zone: "Europe/Berlin".into(),
        total: Some(total.clone()),
        funnels: vec![Funnel { source: "yt".into(), ..total }],
        revenue: vec![Money { minor_units: 49_000, currency_code: "EUR".into() }],
        unanswered: vec![Figure { name: PEOPLE[0].secret(), count: 1 }],
        ..WeeklySummary::default()
    }
}

#[tonic::async_trait]
impl ReportService for World {
    async fn get_weekly_summary(
        &self,
        request: Request<GetWeeklySummaryRequest>,
    ) -> Result<Response<GetWeeklySummaryResponse>, Status> {
        self.begin("get_weekly_summary", request.into_inner().caller)?;
        let (summary, text) = (Some(summary()), "A quiet week.".to_owned());
        self.end(GetWeeklySummaryResponse { before: summary.clone(), summary, text })
    }

    async fn publish_weekly_summary(
        &self,
        request: Request<PublishWeeklySummaryRequest>,
    ) -> Result<Response<PublishWeeklySummaryResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("publish_weekly_summary", request.caller)?;
        self.once("publish_weekly_summary", &caller, &request.request_id, |_| Ok("week".to_owned()))?;
        let (summary, text) = (Some(summary()), "A quiet week.".to_owned());
        self.end(PublishWeeklySummaryResponse {
            summary,
            text,
            published: true,
            channels: vec!["slack".to_owned()],
        })
    }

    async fn find_anomalies(
        &self,
        request: Request<FindAnomaliesRequest>,
    ) -> Result<Response<FindAnomaliesResponse>, Status> {
        self.begin("find_anomalies", request.into_inner().caller)?;
        let anomaly = Anomaly {
            anomaly_id: "ano_1".into(),
            kind: "volume".into(),
            title: PEOPLE[0].secret(),
            value: 3.5,
            expected: 40.0,
            from_time: time(super::NOW),
            ..Anomaly::default()
        };
        self.end(FindAnomaliesResponse { anomalies: vec![anomaly] })
    }
}

#[tonic::async_trait]
impl NotifyService for World {
    async fn notify(&self, request: Request<NotifyRequest>) -> Result<Response<NotifyResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("notify", request.caller)?;
        let notice_id = self.once("notify", &caller, &request.request_id, |_| {
            Ok(format!("ntf_{}", digest(&[&request.request_id])))
        })?;
        self.end(NotifyResponse { notice_id, channels: vec!["slack".into()] })
    }

    never! {
        notify_event(NotifyEventRequest) -> NotifyEventResponse;
        list_notices(ListNoticesRequest) -> ListNoticesResponse;
    }
}
