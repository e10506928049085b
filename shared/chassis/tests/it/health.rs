//! What probes and explorers see of a gRPC server.

use chassis::{Drain, Grpc};
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::stage::{Act, PATIENCE, Stage, in_time, ok};

async fn open() -> Stage {
    let act = Act::new(|_| async { ok() });
    Stage::open(Grpc::new(tonic_health::pb::FILE_DESCRIPTOR_SET).add(act), PATIENCE).await
}

#[tokio::test]
async fn health_flips_when_the_server_is_asked_to_leave() {
    let stage = open().await;
    let mut client = HealthClient::new(stage.channel());
    let mut watched = Vec::new();
    for service in ["", "stage.Act"] {
        let request = HealthCheckRequest { service: service.into() };
        let answer = in_time(client.check(request.clone())).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving, "{service:?}");
        let mut stream = in_time(client.watch(request)).await.unwrap().into_inner();
        assert_eq!(in_time(stream.next()).await.unwrap().unwrap().status(), ServingStatus::Serving);
        watched.push(stream);
    }
    let unknown = in_time(client.check(HealthCheckRequest { service: "stage.Nobody".into() })).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);

    stage.leave();
    for mut stream in watched {
        assert_eq!(in_time(stream.next()).await.unwrap().unwrap().status(), ServingStatus::NotServing);
        assert!(in_time(stream.next()).await.is_none(), "a watcher does not hold the drain");
    }
    assert_eq!(stage.drained().await, Drain::Clean);
}

#[tokio::test]
async fn reflection_lists_what_is_served() {
    let stage = open().await;
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut client = ServerReflectionClient::new(stage.channel());
    let mut answers =
        in_time(client.server_reflection_info(tokio_stream::once(request))).await.unwrap().into_inner();
    let answer = in_time(answers.next()).await.unwrap().unwrap().message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else { panic!("{answer:?}") };
    let mut names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    names.sort();
    assert_eq!(names, ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "stage.Act"]);
    drop((answers, client));
    stage.leave();
    assert_eq!(stage.drained().await, Drain::Clean);
}
