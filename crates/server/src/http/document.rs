//! The OpenAPI document, completed with what holds for every operation, so that no handler repeats it.

use types::{
    AlertId, BreakGlassId, CaptureId, CeremonyId, ChallengeId, ConfirmationId, ConsentId, DeliveryId,
    DisputeId, EnrolmentId, KeyId, MerchantId, MessageId, OrderId, PasskeyId, PayerId, PaymentId, RefundId,
    RelocationId, SessionId, SettlementId, TerminalId, TombstoneId, TransferId, UserId,
};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

/// RFC 9457.
const PROBLEM_TYPE: &str = "application/problem+json";
const PROBLEM: &str = "#/components/schemas/Problem";

/// What the names of our ids begin with, by the name of a field or parameter.
const IDS: [(&str, &str); 25] = [
    ("alert_id", AlertId::PREFIX),
    ("break_glass_id", BreakGlassId::PREFIX),
    ("capture_id", CaptureId::PREFIX),
    ("ceremony_id", CeremonyId::PREFIX),
    ("challenge_id", ChallengeId::PREFIX),
    ("confirmation_id", ConfirmationId::PREFIX),
    ("consent_id", ConsentId::PREFIX),
    ("delivery_id", DeliveryId::PREFIX),
    ("dispute_id", DisputeId::PREFIX),
    ("enrolment_id", EnrolmentId::PREFIX),
    ("key_id", KeyId::PREFIX),
    ("merchant_id", MerchantId::PREFIX),
    ("message_id", MessageId::PREFIX),
    ("order_id", OrderId::PREFIX),
    ("passkey_id", PasskeyId::PREFIX),
    ("payer_id", PayerId::PREFIX),
    ("payment_id", PaymentId::PREFIX),
    ("refund_id", RefundId::PREFIX),
    ("relocation_id", RelocationId::PREFIX),
    ("session_id", SessionId::PREFIX),
    ("settlement_id", SettlementId::PREFIX),
    ("terminal_id", TerminalId::PREFIX),
    ("tombstone_id", TombstoneId::PREFIX),
    ("transfer_id", TransferId::PREFIX),
    ("user_id", UserId::PREFIX),
];
/// Texts that look the same wherever they stand, by the name of their field.
const TEXTS: [(&str, &str); 4] = [
    ("birth_date", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    ("new_pin", "^[0-9]{6}$"),
    ("phone", r"^\+[1-9][0-9]{7,14}$"),
    ("pin", "^[0-9]{6}$"),
];

/// Refusals are `application/problem+json` everywhere, may come from every operation that takes anything, and so may
/// a 503; ids, PINs and phone numbers have the pattern of their kind.
pub(super) fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        for operation in operations(item) {
            complete_operation(operation);
        }
    }
    if let Some(components) = &mut document.components {
        for schema in components.schemas.values_mut() {
            complete_schema(schema, None);
        }
    }
    document
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

fn complete_operation(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten() {
        if let RefOr::T(parameter) = parameter
            && let Some(schema) = &mut parameter.schema
        {
            complete_schema(schema, Some(&parameter.name));
        }
    }
    let responses = &mut operation.responses.responses;
    for (status, description) in [("4XX", "Refused"), ("503", "Not now; ask for the state, and try again")] {
        responses.entry(status.to_owned()).or_insert_with(|| {
            let content = ContentBuilder::new().schema(Some(Ref::new(PROBLEM))).build();
            RefOr::T(ResponseBuilder::new().description(description).content(PROBLEM_TYPE, content).build())
        });
    }
    for response in responses.values_mut() {
        let RefOr::T(response) = response else { continue };
        let is_problem = |content: &RefOr<_>| matches!(content, RefOr::T(content) if is_problem(content));
        if response.content.values().any(is_problem) {
            let contents = std::mem::take(&mut response.content);
            response.content =
                contents.into_values().map(|content| (PROBLEM_TYPE.to_owned(), content)).collect();
        }
    }
}

fn is_problem(content: &utoipa::openapi::Content) -> bool {
    matches!(&content.schema, Some(RefOr::Ref(reference)) if reference.ref_location == PROBLEM)
}

/// Gives ids and texts their pattern, in a schema that is called `name` and in everything below it.
fn complete_schema(schema: &mut RefOr<Schema>, name: Option<&str>) {
    let RefOr::T(schema) = schema else { return };
    if let Schema::Object(object) = schema {
        let prefix = IDS.iter().find(|(id, _)| Some(*id) == name).map(|(_, prefix)| prefix);
        if let Some(prefix) = prefix {
            object.pattern = Some(format!("^{prefix}_[0-9a-f]{{32}}$"));
        }
        if let Some((_, pattern)) = TEXTS.iter().find(|(text, _)| Some(*text) == name) {
            object.pattern = Some((*pattern).to_owned());
        }
        for (name, property) in &mut object.properties {
            complete_schema(property, Some(name));
        }
        return;
    }
    if let Schema::OneOf(choice) = schema {
        choice.items.iter_mut().for_each(|item| complete_schema(item, name));
    }
}
