//! Writers that meet the same people at the same moment.

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn writers_at_the_same_moment_end_with_one_contact() {
    let desk = Arc::new(Desk::open());
    let writers: Vec<_> = (0..40)
        .map(|n| {
            let desk = desk.clone();
            tokio::spawn(async move {
                // Each knows two of four identities; together they tie all of them.
                let [one, other] = [n % 4, (n + 1) % 4];
                let name = |k: usize| if k < 2 { format!("ann{k}@example.com") } else { String::new() };
                let number = |k: usize| if k >= 2 { format!("+493090182{k}") } else { String::new() };
                let pick = |one: String, other: String| if one.is_empty() { other } else { one };
                let identity = Identity {
                    email: pick(name(one), name(other)),
                    phone: pick(number(other), number(one)),
                    ..Default::default()
                };
                // Where both are of one sort, the Whop user ties them.
                desk.meet(Identity { whop_user: "user_ann".into(), ..identity }).await
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut owners = BTreeSet::new();
    for identity in [
        email("ann0@example.com"),
        phone("+4930901822"),
        phone("+4930901823"),
        Identity { whop_user: "user_ann".into(), ..Default::default() },
    ] {
        owners.insert(desk.whose(identity).await.unwrap());
    }
    assert_eq!(owners.len(), 1);
    let shown = desk.rows(domain::Tab::Contacts).await;
    let live = shown.iter().filter(|row| !row["source"].as_str().unwrap_or_default().starts_with("merged"));
    assert_eq!(live.count(), 1, "{shown:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn leads_and_merges_at_the_same_moment_leave_one_open_lead() {
    for round in 0..20 {
        let desk = Arc::new(Desk::open());
        let [ann, also_ann] = [desk.meet(visitor("vis_1")).await, desk.meet(visitor("vis_2")).await];
        let turns = (0..8).map(|n| {
            let desk = desk.clone();
            tokio::spawn(async move {
                let visitor = format!("vis_{}", 1 + n % 2);
                let turn = json!({"type": "chat.turn", "visitor_id": visitor, "score": 0.9, "message": n.to_string(), "session_id": format!("s{n}")});
                desk.tell(turn).await;
            })
        });
        let turns: Vec<_> = turns.collect();
        let (store, survivor, loser) = (desk.store.clone(), ann.clone(), also_ann.clone());
        let merging = tokio::spawn(async move { merge(&*store, &survivor, &loser).await.unwrap() });
        for turn in turns {
            turn.await.unwrap();
        }
        assert!(merging.await.unwrap().merged);
        let leads = desk.rows(domain::Tab::Leads).await;
        let open: Vec<_> = leads.iter().filter(|lead| lead["status"] == "new").collect();
        assert_eq!(open.len(), 1, "round {round}: {leads:?}");
        assert_eq!(open[0]["contact_id"], *ann);
    }
}
