//! Members, end to end: they join, pay, fail to pay, leave and come back at Whop, look into the portal through Whop's proxy,
//! and the spreadsheet says what became of it.

mod books;
mod forgetting;
pub(super) mod lives;
mod outages;
mod portal;
mod privacy;
mod rotation;

use chassis::Link;
use proto::whop::v1::membership_service_client::MembershipServiceClient;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{missed, order, scripts::Script};
use crate::{
    story::answer::{Answer, SESSION},
    world::World,
};
use lives::Life;

/// What a member has, and what they may ask for.
const MEMBERSHIP: &str = "/api/portal/membership";
const ACTIONS: &str = "/api/portal/actions";
/// The workflow for members, and one for anybody.
const PORTAL: &str = "client-portal";
const LEADS: &str = "lead-concierge";

impl World {
    fn memberships(&self) -> MembershipServiceClient<Link> {
        let [_, members] = self.followers();
        MembershipServiceClient::new(members)
    }

    /// A request as it comes through Whop's proxy, from the user whom the host's first label names.
    fn through_whop(&self, label: &str, method: Method, path: &str) -> RequestBuilder {
        let portal = self.system.portal.expect("Whop is a stand-in");
        let request = self.http.request(method, format!("http://{portal}{path}"));
        request.header("host", format!("{label}.localhost:{}", portal.port()))
    }

    async fn seen_by(&self, label: &str, path: &str) -> Value {
        Answer::of(self.through_whop(label, Method::GET, path)).await.ok()
    }

    /// A member's session in the portal's chat.
    async fn session_of(&self, label: &str) -> Value {
        self.session_in(PORTAL, label).await.ok()
    }

    /// What a Whop user is answered who asks for a session of a workflow.
    async fn session_in(&self, workflow: &str, label: &str) -> Answer {
        let asked = json!({"modes": ["self_hosted"], "workflowId": workflow, "page": "/portal"});
        Answer::of(self.through_whop(label, Method::POST, SESSION).json(&asked)).await
    }
}

/// The id of something at Whop.
fn id(object: &Value) -> String {
    object["id"].as_str().unwrap_or_else(|| panic!("{object}")).to_owned()
}

macro_rules! each_life {
    ($($any_order:ident, $made_good:ident: $life:ident;)*) => {$(
        #[test]
        fn $any_order() {
            order::any_order(Script::Members(Life::$life));
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn $made_good() {
            missed::is_made_good(Script::Members(Life::$life)).await;
        }
    )*};
}

each_life! {
    trials_end_the_same_in_any_order, lost_webhooks_of_trials_are_made_good: Trial;
    debts_end_the_same_in_any_order, lost_webhooks_of_debts_are_made_good: Debt;
    leaving_ends_the_same_in_any_order, lost_webhooks_of_leaving_are_made_good: Leaving;
    money_back_ends_the_same_in_any_order, lost_webhooks_of_money_back_are_made_good: MoneyBack;
    upgrades_end_the_same_in_any_order, lost_webhooks_of_upgrades_are_made_good: Upgrade;
}
