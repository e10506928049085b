//! Payments.

use domain::{Kind, Reason, id::digest, workflow::Registry};
use proto::{
    booking::v1::{
        Checkout, CheckoutStatus, CreateCheckoutRequest, CreateCheckoutResponse, ExpireCheckoutRequest,
        ExpireCheckoutResponse, GetCheckoutRequest, GetCheckoutResponse, GetReturnPageRequest,
        GetReturnPageResponse, Item, ListCheckoutsRequest, ListCheckoutsResponse, ListItemsRequest,
        ListItemsResponse, payment_service_server::PaymentService,
    },
    common::v1::{Caller, Money},
};
use tonic::{Request, Response, Status};

use super::{Desk, Person, World, calendar::check_start, never, owns, refused, time, visitor};

fn money(minor_units: i64) -> Option<Money> {
    Some(Money { minor_units, currency_code: "EUR".into() })
}

/// What somebody has paid.
pub(super) fn of_person(person: &Person) -> Checkout {
    let item =
        Item { name: format!("Audit for {}", person.secret()), price: money(49_000), ..Item::default() };
    Checkout {
        checkout_id: format!("chk_{}", person.name),
        item: Some(item),
        url: format!("https://pay.example/{}", person.secret()),
        status: CheckoutStatus::Open.into(),
        create_time: time("2026-11-01T09:00:00Z"),
        expire_time: time("2026-11-30T09:00:00Z"),
        ..Checkout::default()
    }
}

/// An item of the built-in catalogue.
fn item(id: &str) -> Option<Item> {
    let registry = Registry::built_in();
    let workflow = registry.iter().find(|workflow| workflow.slug == "lead-concierge")?;
    let offer = workflow.offers.iter().find(|offer| offer.id == id && offer.payable)?;
    Some(Item {
        item_id: offer.id.clone(),
        name: offer.name.clone(),
        price: money(offer.price.minor),
        event_type_slug: offer.meeting.clone().unwrap_or_default(),
        ..Item::default()
    })
}

impl Desk {
    fn checkout(&mut self, id: &str, caller: &Caller) -> Result<&mut Checkout, Status> {
        let found = self.checkouts.get_mut(id).filter(|(owner, _)| owns(owner, caller));
        let unknown = || refused(Kind::NotFound, Reason::CheckoutUnknown, "there is no such link");
        found.map(|(_, checkout)| checkout).ok_or_else(unknown)
    }
}

#[tonic::async_trait]
impl PaymentService for World {
    async fn create_checkout(
        &self,
        request: Request<CreateCheckoutRequest>,
    ) -> Result<Response<CreateCheckoutResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("create_checkout", request.caller.clone())?;
        let owner = visitor(&caller)?;
        let unsold = || refused(Kind::NotFound, Reason::ItemNotSold, "there is no such item");
        let item = item(&request.item_id).ok_or_else(unsold)?;
        let id = self.once("create_checkout", &caller, &request.request_id, |desk| {
            if !item.event_type_slug.is_empty() {
                check_start(request.start_time)?;
            }
            let id = format!("chk_{}", digest(&[&owner, &request.request_id]));
            let checkout = Checkout {
                checkout_id: id.clone(),
                url: format!("https://pay.example/{id}"),
                item: Some(item.clone()),
                status: CheckoutStatus::Open.into(),
                start_time: request.start_time,
                expire_time: time("2026-11-20T09:00:00Z"),
                ..Checkout::default()
            };
            desk.checkouts.insert(id.clone(), (owner.clone(), checkout));
            Ok(id)
        })?;
        let checkout = self.desk().checkout(&id, &caller)?.clone();
        self.end(CreateCheckoutResponse { checkout: Some(checkout) })
    }

    async fn expire_checkout(
        &self,
        request: Request<ExpireCheckoutRequest>,
    ) -> Result<Response<ExpireCheckoutResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("expire_checkout", request.caller.clone())?;
        visitor(&caller)?;
        self.desk().checkout(&request.checkout_id, &caller)?;
        let id = self.once("expire_checkout", &caller, &request.request_id, |desk| {
            let checkout = desk.checkout(&request.checkout_id, &caller)?;
            match checkout.status() {
                CheckoutStatus::Open => checkout.set_status(CheckoutStatus::Canceled),
                CheckoutStatus::Pending | CheckoutStatus::Paid => {
                    let why = "the link was paid, or cannot be ended";
                    return Err(refused(Kind::Precondition, Reason::StateWrong, why));
                }
                _ => {}
            }
            checkout.url.clear();
            Ok(request.checkout_id.clone())
        })?;
        let checkout = self.desk().checkout(&id, &caller)?.clone();
        self.end(ExpireCheckoutResponse { checkout: Some(checkout) })
    }

    async fn get_checkout(
        &self,
        request: Request<GetCheckoutRequest>,
    ) -> Result<Response<GetCheckoutResponse>, Status> {
        let request = request.into_inner();
        let caller = self.begin("get_checkout", request.caller)?;
        visitor(&caller)?;
        let checkout = self.desk().checkout(&request.checkout_id, &caller)?.clone();
        self.end(GetCheckoutResponse { checkout: Some(checkout) })
    }

    async fn list_checkouts(
        &self,
        request: Request<ListCheckoutsRequest>,
    ) -> Result<Response<ListCheckoutsResponse>, Status> {
        let caller = self.begin("list_checkouts", request.into_inner().caller)?;
        visitor(&caller)?;
        let desk = self.desk();
        let own = desk.checkouts.values().filter(|(owner, _)| owns(owner, &caller));
        let checkouts = own.map(|(_, checkout)| checkout.clone()).collect();
        drop(desk);
        self.end(ListCheckoutsResponse { checkouts, next_page_token: String::new() })
    }

    never! {
        list_items(ListItemsRequest) -> ListItemsResponse;
        get_return_page(GetReturnPageRequest) -> GetReturnPageResponse;
    }
}
