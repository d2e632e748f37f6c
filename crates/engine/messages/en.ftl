# What payers read. Plain words: what happened, what comes next. Same keys and placeholders in zh.ftl.

check-last-four = { " " }and the last four digits of your phone
check-full-phone = { " " }and your phone number
check-pin = { " " }and your PIN
check-own-device = { " " }and a confirmation on your own device
sure-to = , sure to 1 in { $n }

enrolment-code = Your code to switch on face payment: { $code }. It works for { $minutes } minutes. Nobody from the operator or a shop will ever ask for it. If you did not start this, ignore it: nothing is switched on.
enrolment-failed = Face payment was not switched on: the code was wrong too often. If this was not you, change your PIN.
face-enabled = Face payment is switched on. You can switch it off at any time, at once.
face-frozen = Face payment is switched off. Nobody can pay with your face until you switch it on again with your PIN.
face-deleted = You withdrew your consent: your face and the pictures of your payments were deleted, with their keys. What an open case still needs is deleted when that case is closed. Your account and your money stay as they are.
case-pictures-deleted = Your case is closed, and the pictures that were kept for it are deleted, as you wished.
account-closed = Your account is closed. Your face, name and number were deleted. The record of your payments is kept as long as the law asks.
pin-locked = Your PIN was wrong five times and is locked for { $minutes } minutes. If this was not you, somebody is trying to pay as you: nobody was debited, and you can switch face payment off at once.
payment-debited = { $amount } paid by face at { $shop }, { $city }. Recognised by your face{ $checks }{ $p_wrong }, among { $searched } faces. Not you? Tap "not me".
payment-authorised = { $amount } is set aside for { $shop }, { $city }; nothing is taken yet. Recognised by your face{ $checks }{ $p_wrong }, among { $searched } faces. Not you? Tap "not me".
payment-captured = { $shop } has taken { $amount } of what was set aside. { $released } is yours again.
payment-released = { $amount } that was set aside for { $shop } is yours again; nothing was taken.
payment-refunded = { $shop } has given you back { $amount }: { $reason }
payment-stopped = We stopped a payment of { $amount } at { $shop }, { $city }. You were not debited. If it was you, pay another way.
    { $why ->
        [check_failed] Somebody there looked like you, and what was typed did not match your account.
        [not_enabled] Somebody there looked like you, and your face payment is switched off.
        [not_live] What the camera saw did not look like a living face.
        [over_day_limit] Your limit for face payments of the day is reached.
       *[other] Somebody there looked like you, but the face alone was not sure enough.
    }
payment-reversed = { $amount } is back in your account: the shop took the payment back.
confirm-payment = Are you paying { $amount } at { $shop }, { $city } right now? Answer yes only if it is you. (Question { $confirmation })

dispute-filed = You told us that a payment of { $amount } was not you. Your case is open. The shop's money from it is held back. We are gathering the records now.
dispute-evidence = We have gathered the records of this payment: the picture, the decision, the place, and where your own device was.
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
