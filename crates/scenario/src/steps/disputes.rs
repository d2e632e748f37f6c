//! A debit that was not hers: from "not me" to the closed case.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use api::{
    AccessView, CompensationView, DisputeStaffView, DisputeView, EvidenceView, FindingRequest, NotMe, Side,
    StatementRequest, StatementView,
};

use super::tell;
use crate::RawCall;
use crate::pattern::{Args, say};
use crate::world::{Case, World};

pub(super) fn not_me(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let payment = world.debit.context("nothing was debited yet")?;
    let disowned = Instant::now();
    let not_me = NotMe { words: String::new(), freeze: true };
    let path = format!("/v1/me/payments/{payment}/not-me");
    let view: DisputeView = world.phone_of(name)?.post(&path, &not_me)?;
    let (dispute_id, amount) = (view.dispute_id, view.amount);
    let told = format!("Case {dispute_id} about {} is open, with one call", say(amount));
    world.case = Some(Case { dispute_id, payer: name.to_owned(), amount, disowned });
    Ok(tell(told))
}

fn payer_view(world: &World<'_>, case: &Case) -> Result<DisputeView> {
    Ok(world.phone_of(&case.payer)?.get(&format!("/v1/me/disputes/{}", case.dispute_id))?)
}

pub(super) fn money_back(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let case = world.case()?;
    let limit = Duration::from_secs(args.number(1)?.into());
    loop {
        let view = payer_view(world, &case)?;
        let elapsed = case.disowned.elapsed();
        match view.compensation {
            CompensationView::Paid { amount, at: _ } if amount == case.amount && elapsed <= limit => {
                let took = elapsed.as_secs_f64();
                return Ok(tell(format!("{} back {took:.2} s after \"not me\"", say(amount))));
            }
            CompensationView::Undecided if elapsed <= limit => thread::sleep(Duration::from_millis(50)),
            CompensationView::Undecided
            | CompensationView::AwaitingApproval { amount: _ }
            | CompensationView::Paid { amount: _, at: _ }
            | CompensationView::NotDue => {
                bail!("{:.1} s after \"not me\": {:?}", elapsed.as_secs_f64(), view.compensation)
            }
        }
    }
}

fn newest_evidence(world: &World<'_>) -> Result<EvidenceView> {
    let path = format!("/v1/disputes/{}/evidence?purpose=dispute", world.case()?.dispute_id);
    let gathered: Vec<EvidenceView> = world.staff()?.get(&path)?;
    gathered.into_iter().next_back().context("no evidence was gathered")
}

pub(super) fn evidence(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let assessment = newest_evidence(world)?.assessment;
    if assessment.authorisation_proven {
        bail!("the evidence is said to prove that the payer authorised the debit");
    }
    for row in args.rows()? {
        let code = row.get("reason")?;
        let found = assessment.items.iter().find(|item| item.code == code);
        match found.map(|item| item.side) {
            Some(Side::AgainstAuthorisation) => {}
            Some(Side::ForAuthorisation | Side::Neutral) | None => {
                bail!("{code} does not weigh against the debit: {:#?}", assessment.items)
            }
        }
    }
    let mut told = Vec::new();
    for item in &assessment.items {
        let side = match item.side {
            Side::ForAuthorisation => "for the debit",
            Side::AgainstAuthorisation => "against it",
            Side::Neutral => "neither way",
        };
        told.push(format!("{side}: {} ({})", item.detail, item.code));
    }
    told.push(format!("to consider first: {}", assessment.proposed));
    Ok(told)
}

pub(super) fn better_match(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let facts = newest_evidence(world)?.facts;
    let better = &facts["better_match"];
    let (id, times) = (better["payer"].as_str(), better["times_more_likely"].as_f64());
    let expected = world.person(name)?.payer_id.to_string();
    match times {
        Some(times) if id == Some(&expected) && times > 1.0 => {
            Ok(tell(format!("The capture fits {name} {times:.0} times better")))
        }
        Some(_) | None => bail!("{expected} should fit better, but the facts say {better}"),
    }
}

pub(super) fn not_told(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let other = world.person(args.text(1))?;
    let phone = world.phone_of(args.text(0))?;
    let dispute = format!("/v1/me/disputes/{}", world.case()?.dispute_id);
    for path in [dispute.as_str(), "/v1/me/messages", "/v1/me/accesses", "/v1/me/payments"] {
        let reply = phone.send(RawCall { method: "GET", path, content_type: None, body: b"" })?;
        if reply.status != 200 {
            bail!("{path}: status {}", reply.status);
        }
        if reply.body.contains(&other.payer_id.to_string()) || reply.body.contains(&other.name) {
            bail!("{path} tells {} of {}: {}", args.text(0), other.name, reply.body);
        }
    }
    Ok(Vec::new())
}

pub(super) fn contests(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let path = format!("/v1/disputes/{}/statement", world.case()?.dispute_id);
    let statement = StatementRequest { stance: "contest".to_owned(), text: args.text(1).to_owned() };
    let view: StatementView = world.merchant(args.text(0))?.post(&path, &statement)?;
    match view {
        StatementView::Received { stance, text } if stance == statement.stance && text == statement.text => {
            Ok(tell(format!("Noted: {} contests", args.text(0))))
        }
        StatementView::Received { stance: _, text: _ } | StatementView::Asked { due: _ } => {
            bail!("the statement was not taken: {view:?}")
        }
    }
}

pub(super) fn finds(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let path = format!("/v1/disputes/{}/finding", world.case()?.dispute_id);
    let finding = FindingRequest { finding: args.text(0).to_owned(), note: args.text(1).to_owned() };
    let view: DisputeStaffView = world.staff()?.post(&path, &finding)?;
    if view.state != "found" || view.finding.as_deref() != Some(args.text(0)) {
        bail!("the case is {} with finding {:?}", view.state, view.finding);
    }
    Ok(tell(format!("Recorded: {}", args.text(0))))
}

pub(super) fn closes(world: &mut World<'_>, _args: &Args<'_>) -> Result<Vec<String>> {
    let case = world.case()?;
    let path = format!("/v1/disputes/{}/close", case.dispute_id);
    let view: DisputeStaffView = world.staff()?.post_empty(&path)?;
    if view.state != "closed" {
        bail!("the case is {}", view.state);
    }
    let took = case.disowned.elapsed().as_secs_f64();
    Ok(tell(format!("Closed {took:.1} s after \"not me\"")))
}

pub(super) fn timeline(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let case = world.case()?;
    if case.payer != args.text(0) {
        bail!("the case is {}'s", case.payer);
    }
    let timeline = payer_view(world, &case)?.timeline;
    let mut kinds = timeline.iter().map(|entry| entry.kind.as_str());
    for row in args.rows()? {
        let expected = row.get("message")?;
        if !kinds.any(|kind| kind == expected) {
            let found: Vec<_> = timeline.iter().map(|entry| entry.kind.as_str()).collect();
            bail!("{expected} is missing, or comes too early: {found:?}");
        }
    }
    Ok(timeline.iter().map(|entry| format!("{}  {}", entry.at, entry.text)).collect())
}

pub(super) fn accesses(world: &mut World<'_>, args: &Args<'_>) -> Result<Vec<String>> {
    let name = args.text(0);
    let accesses: Vec<AccessView> = world.phone_of(name)?.get("/v1/me/accesses")?;
    if !accesses.iter().any(|access| access.purpose == "dispute") {
        bail!("{name} sees no look at the evidence: {accesses:?}");
    }
    Ok(accesses.iter().map(|a| format!("{} looked at {} for {}", a.actor, a.subject, a.purpose)).collect())
}
