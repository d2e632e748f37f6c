Feature: Without a face
  Nobody has to pay with a face, and nothing depends on it. The till shows the code of the order; whoever wants to pays
  it on the own phone with the PIN, never enrolled, frozen or withdrawn. Every other rule is the same.

  Background:
    Given a platform with 1,000 enrolled accounts
    And these shops:
      | shop         | city     | address         | latitude | longitude |
      | Lantern Deli | Hangzhou | 18 Hefang Street | 30.2425 | 120.1690  |

  Scenario: Somebody who never enrolled pays
    Given these people, registered but never enrolled:
      | name     | face | phone          | PIN    | reads   | city     | address          | latitude | longitude |
      | Wang Wei | P001 | +8613700010311 | 918204 | English | Hangzhou | 5 West Lake Road | 30.2460  | 120.1551  |
    And Wang Wei tops up 200.00 yuan
    When Lantern Deli shows the code of an order over 23.00 yuan
    Then Wang Wei's phone reads 23.00 yuan at Lantern Deli, Hangzhou behind the code
    When Wang Wei pays the code with PIN 000000
    Then it is refused with pin_wrong
    And nobody is debited
    When Wang Wei pays the code with PIN 918204
    Then 23.00 yuan are debited from Wang Wei
    And Wang Wei is told at once of the debit, with 23.00, Lantern Deli, Hangzhou, PIN, not me
    And Wang Wei's face payment is off

    # The answer was lost, so the phone sends it again.
    When Wang Wei pays the code with PIN 918204
    Then Wang Wei has 177.00 yuan

    # The same once more within a minute: a second meal, or a mistake?
    When Lantern Deli shows the code of an order over 23.00 yuan
    And Wang Wei pays the code with PIN 918204
    Then it is refused with looks_repeated
    And nobody is debited
    When Wang Wei says that a second purchase is meant, with PIN 918204
    Then 23.00 yuan are debited from Wang Wei
    And Wang Wei has 154.00 yuan

    And the books are right

  Scenario: Somebody who froze or withdrew goes on paying
    Given these people, enrolled from their own phones with studio_portrait and amateur_posture:
      | name     | face | phone          | PIN    | reads   | city     | address        | latitude | longitude |
      | Zhang Li | P002 | +8613700024077 | 330581 | Chinese | Hangzhou | 77 Hubin Road  | 30.2550  | 120.1610  |
    And whoever pays looks at the terminal as in studio_posture and amateur_selfie
    And Zhang Li tops up 200.00 yuan
    When Zhang Li wants to pay 20.00 yuan at Lantern Deli
    And Zhang Li answers truly whatever is asked, at most 3 questions
    Then 20.00 yuan are debited from Zhang Li

    When Zhang Li freezes face payment
    And Lantern Deli shows the code of an order over 21.00 yuan
    And Zhang Li pays the code with PIN 330581
    Then 21.00 yuan are debited from Zhang Li

    When Zhang Li withdraws the consent
    And Zhang Li wants to pay 22.00 yuan at Lantern Deli
    Then the terminal shows not_recognised
    And nobody is debited
    When Lantern Deli shows the code of an order over 22.00 yuan
    And Zhang Li pays the code with PIN 330581
    Then 22.00 yuan are debited from Zhang Li
    And Zhang Li's face payment is off
    When the power is cut and comes back
    Then Zhang Li has 137.00 yuan
    And the books are right
