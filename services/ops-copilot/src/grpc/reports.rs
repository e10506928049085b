//! `ReportService` on the wire.

use domain::Money;
use proto::{
    common::v1::Money as WireMoney,
    ops::v1::{
        self as pb, FindAnomaliesRequest, FindAnomaliesResponse, GetWeeklySummaryRequest,
        GetWeeklySummaryResponse, PublishWeeklySummaryRequest, PublishWeeklySummaryResponse, WeeklySummary,
        report_service_server::ReportService,
    },
    time::wire,
};
use tonic::{Request, Response, Status};

use super::{moment, request_id};
use crate::{
    anomalies::{Anomalies, Anomaly},
    error::{Error, refuse},
    reports::{
        Reports,
        summary::{Funnel, Origin, Summary, Sums, monies},
        week::zone_name,
    },
};

/// Reports.
pub(crate) struct Service {
    pub(crate) reports: Reports,
    pub(crate) anomalies: Anomalies,
}

impl Service {
    async fn get(&self, request: GetWeeklySummaryRequest) -> Result<GetWeeklySummaryResponse, Error> {
        let at = moment(request.at_time, &request.day, |day| self.reports.begin_of(day))?;
        let report = self.reports.get(at).await?;
        Ok(GetWeeklySummaryResponse {
            summary: Some(summary(report.summary)),
            before: Some(summary(report.before)),
            text: report.text,
        })
    }

    async fn publish(
        &self,
        request: PublishWeeklySummaryRequest,
    ) -> Result<PublishWeeklySummaryResponse, Error> {
        let id = request_id(&request.request_id)?;
        let at = moment(request.at_time, &request.day, |day| self.reports.begin_of(day))?;
        let (report, published) = self.reports.publish(at, request.again.then_some(id)).await?;
        Ok(PublishWeeklySummaryResponse {
            summary: Some(summary(report.summary)),
            text: report.text,
            published,
            channels: self.reports.channels(),
        })
    }

    async fn find(&self, request: FindAnomaliesRequest) -> Result<FindAnomaliesResponse, Error> {
        let at = moment(request.at_time, &request.day, |day| self.anomalies.end_of(day))?;
        let found = self.anomalies.find(at).await?;
        Ok(FindAnomaliesResponse { anomalies: found.into_iter().map(anomaly).collect() })
    }
}

fn summary(summary: Summary) -> WeeklySummary {
    let figures = |counts: Vec<(String, i64)>| {
        counts.into_iter().map(|(name, count)| pb::Figure { name, count }).collect()
    };
    WeeklySummary {
        from_time: Some(wire(summary.week.from())),
        to_time: Some(wire(summary.week.to())),
        time_zone: zone_name(&summary.week.zone),
        total: Some(funnel(Origin::default(), summary.total)),
        funnels: summary.funnels.into_iter().map(|(origin, of)| funnel(origin, of)).collect(),
        revenue: money(&summary.revenue),
        refunded: money(&summary.refunded),
        mrr: money(&summary.mrr),
        subscriptions_started: summary.subscriptions_started,
        subscriptions_ended: summary.subscriptions_ended,
        payments_failed: summary.payments_failed,
        messages: summary.messages,
        outcomes: figures(summary.outcomes),
        handoffs: summary.handoffs,
        handoff_median_seconds: summary.handoff_median_seconds,
        unanswered: figures(summary.unanswered),
        unanswered_total: summary.unanswered_total,
        cost: money(&summary.cost),
        answers: summary.answers,
        answer_median_ms: summary.answer_median_ms,
        answer_p95_ms: summary.answer_p95_ms,
    }
}

fn funnel(Origin { source, campaign }: Origin, of: Funnel) -> pb::Funnel {
    let Funnel { sessions, leads, bookings, payments } = of;
    pb::Funnel { source, campaign, sessions, leads, bookings, payments }
}

fn money(sums: &Sums) -> Vec<WireMoney> {
    let wire = |Money { minor, currency }: Money| WireMoney {
        minor_units: minor,
        currency_code: currency.as_str().to_owned(),
    };
    monies(sums).into_iter().map(wire).collect()
}

fn anomaly(anomaly: Anomaly) -> pb::Anomaly {
    let Anomaly { anomaly_id, kind, title, value, expected, threshold, from, to, next_check, .. } = anomaly;
    pb::Anomaly {
        anomaly_id,
        kind: kind.as_str().to_owned(),
        title,
        value,
        expected,
        threshold,
        from_time: Some(wire(from)),
        to_time: Some(wire(to)),
        next_check,
    }
}

#[tonic::async_trait]
impl ReportService for Service {
    async fn get_weekly_summary(
        &self,
        request: Request<GetWeeklySummaryRequest>,
    ) -> Result<Response<GetWeeklySummaryResponse>, Status> {
        self.get(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn publish_weekly_summary(
        &self,
        request: Request<PublishWeeklySummaryRequest>,
    ) -> Result<Response<PublishWeeklySummaryResponse>, Status> {
        self.publish(request.into_inner()).await.map(Response::new).map_err(refuse)
    }

    async fn find_anomalies(
        &self,
        request: Request<FindAnomaliesRequest>,
    ) -> Result<Response<FindAnomaliesResponse>, Status> {
        self.find(request.into_inner()).await.map(Response::new).map_err(refuse)
    }
}
