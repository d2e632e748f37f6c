Feature: A face that was never enabled
  Face payment is switched on by its holder, on the holder's own device, and nowhere else. Until then, and after a
  withdrawal, nobody is debited by that face, whatever the rules.

  Background:
    Given a platform with 1,000 enrolled accounts
    And these shops:
      | shop         | city     | address         | latitude | longitude |
      | Lantern Deli | Hangzhou | 18 Hefang Street | 30.2425  | 120.1690  |
    And these people, registered but never enrolled:
      | name     | face | phone          | PIN    | reads   | city     | address          | latitude | longitude |
      | Wang Wei | P001 | +8613700010311 | 918204 | English | Hangzhou | 5 West Lake Road | 30.2460  | 120.1551  |
    And whoever pays looks at the terminal as in studio_posture and amateur_selfie
    And Wang Wei tops up 200.00 yuan

  Scenario: Nobody is debited, whatever the rules
    Given the rules in default.toml are in force
    When Wang Wei wants to pay 20.00 yuan at Lantern Deli
    Then the terminal shows not_recognised
    And nobody is debited

    Given the rules in legacy-last4.toml are in force
    When Wang Wei wants to pay 20.00 yuan at Lantern Deli
    Then the terminal asks for the last four digits of the phone
    When Wang Wei types 0311 at the terminal
    Then the terminal shows not_recognised
    And nobody is debited

    When Lantern Deli tries every way to enable a face from its terminal
    Then every way is refused
    And Wang Wei's face payment is off
    And the books are right

  Scenario: No pictures without consent
    When Wang Wei sends the pictures studio_portrait and amateur_posture
    Then it is refused with consent_missing
    And Wang Wei's face payment is off

  Scenario: Pictures and consent are not enough without the code from the own phone
    When Wang Wei agrees to the consent text
    And Wang Wei sends the pictures studio_portrait and amateur_posture
    Then Wang Wei's face payment is off
    When Wang Wei wants to pay 20.00 yuan at Lantern Deli
    Then the terminal shows not_recognised
    And nobody is debited

    # Five wrong codes, and even the right one is worth nothing any more.
    When Wang Wei types a wrong code 5 times
    And Wang Wei types the code that came to the phone
    Then it is refused with enrolment_over
    And Wang Wei's face payment is off

  Scenario: Who withdraws is forgotten, who freezes is not debited
    When Wang Wei agrees to the consent text
    And Wang Wei sends the pictures studio_portrait and amateur_posture
    And Wang Wei types the code that came to the phone
    Then Wang Wei's face payment is on
    When Wang Wei wants to pay 20.00 yuan at Lantern Deli
    And Wang Wei answers truly whatever is asked, at most 3 questions
    Then 20.00 yuan are debited from Wang Wei

    When Wang Wei freezes face payment
    And Wang Wei wants to pay 20.00 yuan at Lantern Deli
    Then nobody is debited
    And Wang Wei is told of an attempt that was stopped
    When Wang Wei tries to unfreeze face payment with PIN 000000
    Then it is refused with pin_wrong
    And Wang Wei's face payment is frozen

    When Wang Wei withdraws the consent
    And Wang Wei wants to pay 20.00 yuan at Lantern Deli
    Then the terminal shows not_recognised
    And nobody is debited
    And Wang Wei has 180.00 yuan
    And the books are right
