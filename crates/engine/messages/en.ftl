# What payers read. Plain words: what happened, what comes next. Same keys and placeholders in zh.ftl.

check-last-four = { " " }and the last four digits of your phone
check-full-phone = { " " }and your phone number
check-pin = { " " }and your PIN
check-own-device = { " " }and a confirmation on your own device
sure-to = , sure to 1 in { $n }

enrolment-code = Your code to switch on face payment: { $code }. It works for { $minutes } minutes. Nobody from the operator or a shop will ever ask for it. If you did not start this, ignore it: nothing is switched on.
enrolment-failed = Face payment was not switched on: the code was wrong too often. If this was not you, change your PIN.
face-enabled = Face payment is switched on. You can switch it off at any time, at once.
face-enrol-again = We are replacing the program that recognises faces, and have no pictures of yours to compute a new template from. Please enrol again in the app, so that you can go on paying with your face. Until then everything works as before; afterwards pay with your device and PIN.
face-deleted = You withdrew your consent: your face and the pictures of your payments were deleted, with their keys. What an open case still needs is deleted when that case is closed. Your account and your money stay as they are.
case-pictures-deleted = Your case is closed, and the pictures that were kept for it are deleted, as you wished.
account-closed = Your account is closed. Your face, name and number were deleted. The record of your payments is kept as long as the law asks.
pin-locked = Your PIN was wrong too often and is locked for { $minutes } minutes. If this was not you, somebody is trying to pay as you: nobody was debited, and you can switch face payment off at once.
face-frozen = Face payment is switched off. Nobody can pay with your face until you switch it on again with your PIN or a passkey.
passkey-added = The passkey "{ $label }" was added to your account. It can confirm payments, and without a passkey nobody can from now on. If this was not you, switch face payment off and change your PIN.
passkey-removed = The passkey "{ $label }" was removed from your account. If this was not you, switch face payment off and change your PIN.
passkey-cloned = The passkey "{ $label }" was blocked: it was used in a way that only a copy of it would be. Nothing was confirmed with it. Remove it, register a new one, and switch face payment off if this was not you.
payment-debited = { $amount } paid by face at { $shop }, { $city }. Recognised by your face{ $checks }{ $p_wrong }, among { $searched } faces. Not you? Tap "not me".
payment-authorised = { $amount } is set aside for { $shop }, { $city }; nothing is taken yet. Recognised by your face{ $checks }{ $p_wrong }, among { $searched } faces. Not you? Tap "not me".
code-payment-debited = { $amount } paid at { $shop }, { $city }, with your PIN on your own device. No face was used. Not you? Tap "not me".
code-payment-authorised = { $amount } is set aside for { $shop }, { $city }, with your PIN on your own device; nothing is taken yet. No face was used. Not you? Tap "not me".
payment-captured = { $shop } has taken { $amount } of what was set aside. { $released } is yours again.
payment-released = { $amount } that was set aside for { $shop } is yours again; nothing was taken.
payment-refunded = { $shop } has given you back { $amount }: { $reason }
payment-stopped = We stopped a payment of { $amount } at { $shop }, { $city }. You were not debited. If it was you, pay another way.
    { $why ->
        [check_failed] Somebody there looked like you, and what was typed did not match your account.
        [not_enabled] Somebody there looked like you, and your face payment is switched off.
        [not_live] What the camera saw did not look like a living face.
        [challenge_failed] The movements that were asked for were not seen, or somebody else made them.
        [frames_seen_before] Pictures came that had been sent before.
        [over_day_limit] Your limit of the day is reached.
        [minor_limit] It was more than a minor may spend.
        [guardian_needed] A guardian must agree first.
       *[other] Somebody there looked like you, but the face alone was not sure enough.
    }
payment-reversed = { $amount } is back in your account: the shop took the payment back.
confirm-payment = Are you paying { $amount } at { $shop }, { $city } right now? Answer yes only if it is you. (Question { $confirmation })

dispute-filed = You told us that a payment of { $amount } was not you. Your case is open. The shop's money from it is held back. We are gathering the records now.
dispute-evidence = We have gathered the records of this payment: how it was decided and by what, the place, and where your own device was.
dispute-merchant-asked = We have asked the shop for its side. It has time until { $due }. You need not wait for it.
dispute-statement = The shop has answered:
    { $stance ->
        [accept] it agrees with you.
       *[contest] it says that the payment was right. We go on examining; this does not take back what you were paid.
    }
dispute-awaits-approval = You are owed { $amount }. Because of the amount a second person is checking the payout. We will tell you as soon as it is paid.
dispute-compensated = { $amount } has been paid to your account in advance. You need not do anything; we settle the rest with those responsible.
dispute-not-compensated = The records show that you confirmed this payment of { $amount } yourself, so nothing is paid in advance. A person looks at it as well. You can add what you know.
dispute-finding = Our finding:
    { $finding ->
        [wrong_person] somebody else's face was taken for yours. This was not your doing.
        [account_takeover] somebody else used your account. This was not your doing. Please change your PIN.
        [merchant_fault] the shop or its device caused this payment.
        [authorised_by_payer] the payment was yours. If you disagree, you can appeal.
        [duplicate] one purchase was charged twice.
       *[other] this payment was not your doing.
    }
dispute-recovered = The money we paid you has been recovered from the shop. Nothing changes for you.
dispute-closed = Your case is closed. The record stays with you; you can appeal at any time.

text-register = Your code to open an account: { $code }. It works for { $minutes } minutes. Never tell it to anybody: nobody from us or a shop will ask for it. If you did not ask, do nothing.
text-login = Your code to log in on another device: { $code }. It works for { $minutes } minutes. Never tell it to anybody: whoever has it and your PIN has your account. If you did not ask, do nothing.
text-change = Your code to use this number for an account: { $code }. It works for { $minutes } minutes. Never tell it to anybody. If you did not ask, do nothing.
text-recover = Your code to set another PIN: { $code }. It works for { $minutes } minutes. Never tell it to anybody. If you did not ask, log in and say no, or ask us to stop it.
text-guardian = Somebody wants to be the guardian of the account with this number: { $code }. It works for { $minutes } minutes. Tell it only to your mother, father or guardian, beside you.
text-recovery-asked = Somebody asked to set another PIN for your account. It can be done in { $hours } hours. If this was not you, log in and say no. Face payment is off until then.
text-phone-left = This number does not belong to your account any more: another one was set. If this was not you, tell us at once. Face payment is off.
device-added = Your account was opened on a new device: { $device }. Not you? Log out everywhere and change your PIN.
devices-removed = All other devices were logged out of your account.
pin-changed = Your PIN was changed. Not you? Ask for another one at once, and switch face payment off.
pin-recovery-asked = Somebody asked to set another PIN, with a code sent to your phone. It can be done in { $hours } hours. Face payment is off until then. Not you? Say no now.
pin-recovery-cancelled = Nothing is changed about your PIN: the request was cancelled. You can switch face payment on again with your PIN.
pin-recovered = Another PIN was set, as was asked for. Not you? Tell us at once.
phone-changed = Your account has another phone number now. Face payment is off until you switch it on again with your PIN. Not you? Tell us at once.
identity-verified = Your document was seen, and name and birth date of your account are as it says.
guardian-asked = { $name } wants to be your guardian: told of what you pay, and able to switch face payment off. Agree with your PIN only if that is right.
guardian-allows = Your guardian allows face payment again. Switch it on with your PIN.
guardian-left = You have no guardian any more.
ward-accepted = You are a guardian now: you will be told of every payment by face, and can switch it off.
ward-debited = { $name } paid { $amount } by face at { $shop }, { $city }. You can switch face payment off at any time.

# For staff: how sure a decision was and why.
explanation-less-likely = Sure to 1 in { $one_in }, because such a score is { $face_times } times likelier for the owner of the face than for a stranger, where 1 payer in { $place_one_in } would be this one; the next best, { $rival }, is { $times } times less likely; { $searched } faces searched.
explanation-more-likely = Not sure: { $rival } is { $times } times likelier than the best candidate; such a score is { $face_times } times as likely for the owner of the face as for a stranger, where 1 payer in { $place_one_in } would be this one; { $searched } faces searched.
explanation-nobody = Nobody resembles this face; { $searched } faces searched.
explanation-rival-candidate = another candidate
explanation-rival-unnamed = one of the others searched
explanation-rival-stranger = somebody who is not enrolled
