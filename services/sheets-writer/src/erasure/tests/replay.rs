//! Events that are worked on again.

use super::*;

#[tokio::test]
async fn an_event_is_worked_on_again_by_the_rules_of_today() {
    let dir = tempfile::tempdir().unwrap();
    let mut desk = Desk::open(dir.path());
    desk.tell(turn("e1", "vis_1", "s1", json!({"score": 0.4}))).await;
    assert!(desk.rows(Tab::Leads).await.is_empty());
    desk.rules.threshold = 0.3;
    let snapshot = async || {
        let mut all = Vec::new();
        for tab in Tab::ALL {
            all.extend(desk.rows(tab).await);
        }
        all
    };
    inbox::replay(&*desk.told, &desk.rules, "e1", Timestamp::now()).await.unwrap();
    let once = snapshot().await;
    let lead = once.iter().find(|row| row.tab == Tab::Leads).unwrap();
    let engagement = once.iter().find(|row| row.tab == Tab::Engagements).unwrap();
    assert_eq!((lead.state, &engagement.subject), (State::Pending, &lead.subject));
    inbox::replay(&*desk.told, &desk.rules, "e1", Timestamp::now()).await.unwrap();
    assert_eq!(snapshot().await, once);
    let (listed, next) = inbox::list(&*desk.store, 10, None).await.unwrap();
    assert_eq!((listed.len(), listed[0].kind.as_str(), next), (1, "chat.turn", None));
    assert!(inbox::get(&*desk.store, "e1").await.unwrap().1.contains("vis_1"));
    assert!(inbox::get(&*desk.store, "e2").await.is_err());
}
