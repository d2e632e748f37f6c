//! Guessing a PIN.

use api::{Freeze, MessageList, PayerView, Unfreeze};

use crate::fixture::{Fixture, PIN};

#[test]
fn the_sixth_guess_is_not_taken_even_if_it_is_right() {
    let fixture = Fixture::new();
    let _: PayerView = fixture.payer.post("/v1/me/face/freeze", &Freeze {}).unwrap();
    let guess = |pin: &str| {
        let answer = fixture.payer.post::<PayerView>(
            "/v1/me/face/unfreeze",
            &Unfreeze { pin: Some(pin.to_owned()), passkey: None },
        );
        answer.map(|view| view.face).map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    // A right one in between starts the count anew.
    for pin in ["000000", "111111"] {
        assert_eq!(guess(pin), Err("pin_wrong".to_owned()));
    }
    assert_eq!(guess(PIN), Ok(api::Face::Enabled));
    for pin in ["000000", "111111", "222222", "", "999999999999"] {
        assert_eq!(guess(pin), Err("pin_wrong".to_owned()));
    }
    assert_eq!(guess(PIN), Err("pin_locked".to_owned()));
    let inbox: MessageList = fixture.payer.get("/v1/me/messages").unwrap();
    assert_eq!(
        inbox.messages.iter().filter(|message| message.kind == "pin_locked").count(),
        1,
        "the payer is told once"
    );
}
