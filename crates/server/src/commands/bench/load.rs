//! `surety bench load`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use api::{
    Capture, CaptureMode, NewOrder, NewSession, NewSessionReply, OrderState, OrderView, SessionView, Stage,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use scenario::{CallError, Client, RawCall, Server, Sms, Start, onboard, plain_report, retaken};
use types::{Amount, Currency, TerminalId};

use super::super::{read_picture, say};
use super::figures::{Bound, machine, quantile, target};

mod shop;

/// What somebody who pays looks like.
const PAID_WITH: [&str; 2] = ["studio_posture", "amateur_selfie"];
/// Far more than payments are at work at a time, so that no till serves two at once.
const TILLS: u32 = 128;
/// How long a capture may wait for the networks: what `surety serve` sets.
const WAIT_S: f64 = 2.0;

/// Twice as many payments as the machine can take, over HTTP: is anything lost, who waits how long, and is the rest told
/// in time that it is busy?
#[derive(Args)]
pub(crate) struct Load {
    /// The folder with the model files.
    #[arg(long, value_name = "FOLDER", default_value = "var/models")]
    models: PathBuf,
    /// The folder with the sample photographs.
    #[arg(long, value_name = "FOLDER", default_value = "var/samples")]
    samples: PathBuf,
    /// Synthetic accounts to search among.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    accounts: u32,
    /// How long the machine is overloaded.
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u32,
    /// How many times what the machine can take.
    #[arg(long, value_name = "N", default_value_t = 2.0)]
    times: f64,
}

/// What became of a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Approved,
    Busy,
    Other,
}

/// One payment, as its till saw it.
struct Paid {
    order: Option<OrderView>,
    end: End,
    /// Seconds from the capture sent to its answer.
    took: f64,
    /// What was said, where it was neither approved nor busy.
    said: String,
}

/// Shops, tills and people before a running server.
struct Market {
    server: Server,
    merchant: Client,
    tills: Vec<(TerminalId, Client)>,
    /// Pictures of each person.
    people: Vec<Vec<String>>,
    next: AtomicU32,
}

impl Load {
    pub(crate) fn run(self) -> Result<ExitCode> {
        let folder = std::env::temp_dir().join(format!("surety-bench-load-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let done = self.measure(&folder);
        fs::remove_dir_all(&folder).with_context(|| format!("removing {}", folder.display()))?;
        done?;
        Ok(ExitCode::SUCCESS)
    }

    fn measure(&self, folder: &Path) -> Result<()> {
        ensure!(self.times > 0.0 && self.seconds > 0, "--times and --seconds are above zero");
        let market = self.open(folder)?;
        let cores = thread::available_parallelism().context("counting the cores")?.get();
        say(&format!(
            "payments of {} frames among {} faces, over HTTP, order to answer; {}",
            PAID_WITH.len(),
            self.accounts,
            machine()?
        ))?;
        for _ in 0..cores {
            market.pay();
        }
        let alone = market.closed(1, Duration::from_secs(8));
        let all = market.closed(cores, Duration::from_secs(12));
        let capacity = all.1;
        say(&format!(
            "one at a time: {:.1} a second, p50 {:.0} ms; {cores} at a time: {capacity:.1} a second, p50 {:.0} ms, p99 {:.0} ms",
            alone.1,
            1_000.0 * quantile(&mut approved(&alone.0), 0.5),
            1_000.0 * quantile(&mut approved(&all.0), 0.5),
            1_000.0 * quantile(&mut approved(&all.0), 0.99),
        ))?;
        let start = Instant::now();
        let offered = market.open_loop(capacity * self.times, Duration::from_secs(self.seconds.into()));
        let spent = start.elapsed().as_secs_f64();
        let before = alone.0.into_iter().chain(all.0).collect::<Vec<_>>();
        let lost = market.lost(before.iter().chain(&offered))?;
        self.report(capacity, spent, &offered, lost)?;
        market.close(folder)
    }

    fn report(&self, capacity: f64, spent: f64, offered: &[Paid], lost: usize) -> Result<()> {
        let count = |end: End| offered.iter().filter(|paid| paid.end == end).count();
        let (paid, busy, other) = (count(End::Approved), count(End::Busy), count(End::Other));
        say(&format!(
            "{:.1} times the capacity for {} s: {} payments offered, {paid} approved, {busy} told `busy`, {other} ended otherwise",
            self.times,
            self.seconds,
            offered.len()
        ))?;
        if let Some(odd) = offered.iter().find(|paid| paid.end == End::Other) {
            say(&format!("  one of those: {}", odd.said))?;
        }
        let mut took = approved(offered);
        let (p50, p99, most) =
            (quantile(&mut took, 0.5), quantile(&mut took, 0.99), quantile(&mut took, 1.0));
        let mut told: Vec<f64> =
            offered.iter().filter(|paid| paid.end == End::Busy).map(|paid| paid.took).collect();
        say(&format!(
            "from the capture sent to its answer: approved p50 {:.0} ms, p99 {:.0} ms, most {:.0} ms; busy p50 {:.0} ms, p99 {:.0} ms",
            1e3 * p50,
            1e3 * p99,
            1e3 * most,
            1e3 * quantile(&mut told, 0.5),
            1e3 * quantile(&mut told, 0.99)
        ))?;
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let [rate, lost, other] = [paid as f64 / spent, lost as f64, other as f64];
        target("answers and books that disagree", lost, Bound::AtMost(0.0))?;
        target("payments that ended neither approved nor busy", other, Bound::AtMost(0.0))?;
        target("approved a second under overload, over the capacity", rate / capacity, Bound::AtLeast(0.8))?;
        // The bound on waiting, and then the work itself among others that have begun.
        target("seconds to the answer of an approved payment, p99", p99, Bound::AtMost(2.0 * WAIT_S))
    }
}

/// The times of what was approved, in seconds.
fn approved(of: &[Paid]) -> Vec<f64> {
    of.iter().filter(|paid| paid.end == End::Approved).map(|paid| paid.took).collect()
}

impl Market {
    /// Somebody comes to a till and pays.
    fn pay(&self) -> Paid {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let person = &self.people[number as usize % self.people.len()];
        let (terminal, till) = &self.tills[number as usize % self.tills.len()];
        // Nobody pays the same amount twice: that would look like one purchase charged twice.
        let minor = 1 + i64::from(number) / i64::try_from(self.people.len()).unwrap_or(i64::MAX);
        let order = NewOrder {
            out_trade_no: format!("load-{number}"),
            terminal_id: *terminal,
            amount: Amount::new(minor, Currency::CNY),
            description: "a thing".to_owned(),
            capture: CaptureMode::Automatic,
        };
        let mut paid = Paid { order: None, end: End::Other, took: f64::NAN, said: String::new() };
        let answer = self.merchant.post::<OrderView>("/v1/orders", &order).and_then(|order| {
            let session = NewSession { order_id: order.order_id };
            paid.order = Some(order);
            till.post::<NewSessionReply>("/v1/capture-sessions", &session)
        });
        let answer = answer.and_then(|session| {
            let frames = person.iter().map(|picture| retaken(picture)).collect();
            let capture = Capture { nonce: session.nonce, frames, report: plain_report(), challenge: None };
            let start = Instant::now();
            let path = format!("/v1/capture-sessions/{}/capture", session.session_id);
            // Once: `Client::post` would come again when the server is busy.
            let body = serde_json::to_vec(&capture).map_err(|error| CallError::Transport(error.into()))?;
            let call =
                RawCall { method: "POST", path: &path, content_type: Some("application/json"), body: &body };
            let answer = till.send(call)?;
            paid.took = start.elapsed().as_secs_f64();
            answer.read::<SessionView>()
        });
        match answer {
            Ok(view) => match view.state {
                Stage::Approved { payment_id: _, payer_name: _ } => paid.end = End::Approved,
                other @ (Stage::AwaitingCapture
                | Stage::AwaitingCheck { ask: _, repeated: _ }
                | Stage::Refused { code: _, detail: _ }
                | Stage::Expired) => paid.said = format!("{other:?}"),
            },
            Err(CallError::Problem(problem)) if problem.code == "busy" => paid.end = End::Busy,
            Err(error) => paid.said = error.to_string(),
        }
        paid
    }

    /// So many tills, each with its next customer as soon as one has paid; and how many payments that were a second.
    fn closed(&self, tills: usize, time: Duration) -> (Vec<Paid>, f64) {
        let start = Instant::now();
        let till = || {
            let mut done = Vec::new();
            while start.elapsed() < time {
                done.push(self.pay());
            }
            done
        };
        let done: Vec<Paid> = thread::scope(|scope| {
            let running: Vec<_> = (0..tills).map(|_| scope.spawn(till)).collect();
            running.into_iter().flat_map(|till| till.join().unwrap_or_default()).collect()
        });
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let rate = approved(&done).len() as f64 / start.elapsed().as_secs_f64();
        (done, rate)
    }

    /// Customers who come at their own time, so many a second, whether or not those before them have paid.
    fn open_loop(&self, per_second: f64, time: Duration) -> Vec<Paid> {
        let (done, all) = mpsc::channel();
        let start = Instant::now();
        thread::scope(|scope| {
            let mut came = 0_u32;
            while start.elapsed() < time {
                let due = Duration::from_secs_f64(f64::from(came) / per_second);
                thread::sleep(due.saturating_sub(start.elapsed()));
                let done = done.clone();
                scope.spawn(move || drop(done.send(self.pay())));
                came += 1;
            }
            drop(done);
            all.iter().collect()
        })
    }

    /// How many orders are otherwise in the books than their tills were told.
    fn lost<'a>(&self, paid: impl Iterator<Item = &'a Paid>) -> Result<usize> {
        let mut lost = 0;
        for paid in paid {
            let Some(order) = &paid.order else { continue };
            let now: OrderView = self.merchant.get(&format!("/v1/orders/{}", order.order_id))?;
            let is_paid = now.state == OrderState::Paid;
            if is_paid != (paid.end == End::Approved) {
                lost += 1;
            }
        }
        Ok(lost)
    }
}
