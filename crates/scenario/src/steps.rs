//! Every sentence a story may use, with what it does. A `{}` stands for a value.

mod attacks_pad;
mod challenges;
mod codes;
mod disputes;
mod money;
mod paying;
mod people;
mod platform;
mod trust;

use anyhow::Result;

use crate::pattern::Args;
use crate::world::World;

/// Does one step; tells what happened, one line a thing.
pub(crate) type DoStep = fn(&mut World<'_>, &Args<'_>) -> Result<Vec<String>>;

pub(crate) const STEPS: &[(&str, DoStep)] = &[
    // The platform
    ("a platform with {} enrolled accounts", platform::seeded),
    ("the rules in {} are in force", platform::rules),
    ("the rules in {} are in force, with {} seconds for a challenge", platform::brief_rules),
    ("the power is cut and comes back", platform::power_cut),
    ("these shops:", platform::shops),
    ("the operator puts {} yuan into the reserve", platform::fund_reserve),
    ("the reserve holds {} yuan", platform::reserve_holds),
    ("the books are right", platform::books_are_right),
    // People and their own phones
    ("these people, registered but never enrolled:", people::registered),
    ("these people, enrolled from their own phones with {} and {}:", people::enrolled),
    ("{} tops up {} yuan", people::top_up),
    ("{} has {} yuan", people::has),
    ("{}'s phone is seen at home", people::phone_at_home),
    ("{} agrees to the consent text", people::consents),
    ("{} sends the pictures {} and {}", people::sends_pictures),
    ("{} types the code that came to the phone", people::confirms),
    ("{} types a wrong code {} times", people::confirms_wrongly),
    ("{} withdraws the consent", people::withdraws),
    ("{} freezes face payment", people::freezes),
    ("{} tries to unfreeze face payment with PIN {}", people::unfreezes),
    ("{}'s face payment is {}", people::face_is),
    ("{} is told of an attempt that was stopped", people::told_of_stop),
    // At a terminal
    ("whoever pays looks at the terminal as in {} and {}", paying::looks),
    ("{} wants to pay {} yuan at {}", paying::wants_to_pay),
    ("the terminal asks for {}", paying::asks_for),
    ("{} types {} at the terminal", paying::types),
    ("{} answers truly whatever is asked, at most {} questions", paying::answers_truly),
    ("{} types {} for the last four digits, and otherwise what is her own", paying::guesses),
    ("{} yuan are debited from {}", paying::debited),
    ("nobody is debited", paying::nobody_debited),
    ("the terminal shows {}", paying::shows),
    ("{} is told at once of the debit, with {}", paying::told_of_debit),
    ("{} tries every way to enable a face from its terminal", paying::tries_to_enable),
    ("every way is refused", paying::every_way_refused),
    // Reproductions before a terminal
    ("somebody shows {} of {} to the terminal of {}, for {} yuan", attacks_pad::shows),
    (
        "somebody puts {}'s face {} the face of {} and shows that to the terminal of {}, for {} yuan",
        attacks_pad::pastes,
    ),
    ("the pictures and the decision are kept", attacks_pad::leaves_evidence),
    ("the frames are refused with {}, and the attempt waits for others", attacks_pad::frames_refused),
    // Moving as the terminal asks
    ("{} comes to pay {} yuan at {}", challenges::comes),
    ("{} moves as the terminal asks", challenges::moves),
    ("{} takes {} seconds to move as the terminal asks", challenges::moves_late),
    ("{} moves another way than the terminal asks", challenges::moves_wrongly),
    ("a print of {} is moved as the terminal asks", challenges::print_moves),
    ("after {} it is {} who does what the terminal asks", challenges::other_moves),
    ("somebody stands beside {} in one frame", challenges::two_faces),
    ("the frames of the challenge before are sent again", challenges::replays),
    ("{} shows it with the secret of another order", challenges::other_nonce),
    ("the terminal of {} sends what {} shows", challenges::stolen),
    ("investigators see the {} pictures of it, refused with {}", challenges::evidence),
    // Without a face
    ("{} shows the code of an order over {} yuan", codes::shows),
    ("{}'s phone reads {} yuan at {}, {} behind the code", codes::reads),
    ("{} pays the code with PIN {}", codes::pays),
    ("{} says that a second purchase is meant, with PIN {}", codes::pays_again),
    // When an answer is lost
    ("the terminal asks what became of the attempt", paying::asks_again),
    ("the terminal reverses the order", paying::reverses),
    ("the same order is to be paid again", paying::pays_again),
    ("the same capture is sent again", paying::replays_capture),
    ("a capture is sent with a nonce nobody gave out", paying::stale_nonce),
    ("the terminal of {} asks about the attempt", paying::other_terminal),
    ("it is refused with {}", paying::refused_with),
    ("{} pays {} yuan at {} before the reference terminal", trust::reference_terminal),
    // Between camera and server
    ("an order over {} yuan waits at {}", trust::waits),
    ("the request with the frames of {} is heard on the way, and sent a second time", trust::sent_twice),
    ("the frames of {} are changed on the way to those of {}", trust::changed),
    ("the frames of the attempt before are sent", trust::frames_again),
    ("a copy of the device sends the frames of {}", trust::copy_sends),
    ("{} km away the terminal sends the frames of {}", trust::from_away),
    ("the terminal sends the frames of {}", trust::honest),
    ("the terminal is made to send {}", trust::bad_picture),
    ("staff reads at {} the alert {}", trust::alert),
    ("the terminal of {} is suspended", trust::suspended),
    // Charged twice, and money back
    ("the terminal says that this was just paid", money::says_repeated),
    ("{} refunds {} yuan of it as {}: {}", money::refunds),
    ("{} is told that {} came back", money::told_of_refund),
    // Disputes
    ("{} taps \"not me\"", disputes::not_me),
    ("{} has the money back within {} seconds", disputes::money_back),
    ("the evidence weighs against the debit:", disputes::evidence),
    ("investigators see that {} fits better", disputes::better_match),
    ("{} is not told that {} fits better", disputes::not_told),
    ("{} contests with the words: {}", disputes::contests),
    ("staff finds {}: {}", disputes::finds),
    ("staff closes the case", disputes::closes),
    ("{} was told, in this order:", disputes::timeline),
    ("{} can see who looked at the evidence", disputes::accesses),
];

/// What a step tells when there is one thing to tell.
fn tell(line: impl Into<String>) -> Vec<String> {
    vec![line.into()]
}
