Feature: A terminal that lost the answer
  Lines break and power fails between a debit and the word of it. A terminal asks again, or takes the debit back; it
  never debits twice, and nobody else's terminal learns anything.

  Background:
    Given a platform with 1,000 enrolled accounts
    And these shops:
      | shop          | city    | address          | latitude | longitude |
      | Corner Bakery | Chengdu | 6 Kuanzhai Alley | 30.6690  | 104.0560  |
      | Panda Toys    | Chengdu | 99 Chunxi Road   | 30.6570  | 104.0780  |
    And these people, enrolled from their own phones with studio_portrait and amateur_posture:
      | name     | face | phone          | PIN    | reads   | city    | address         | latitude | longitude |
      | Zhang Li | P002 | +8613700024077 | 330581 | English | Chengdu | 77 Renmin Road  | 30.6600  | 104.0650  |
    And whoever pays looks at the terminal as in studio_posture and amateur_selfie
    And Zhang Li tops up 200.00 yuan

  Scenario: Ask again, then reverse
    When Zhang Li wants to pay 20.00 yuan at Corner Bakery
    And Zhang Li answers truly whatever is asked, at most 3 questions
    Then 20.00 yuan are debited from Zhang Li
    When the terminal asks what became of the attempt
    And the power is cut and comes back
    And the terminal asks what became of the attempt
    Then Zhang Li has 180.00 yuan

    When the terminal reverses the order
    Then Zhang Li has 200.00 yuan
    # It lost that answer, too: reversing again changes nothing.
    When the terminal reverses the order
    Then Zhang Li has 200.00 yuan
    When the same order is to be paid again
    Then it is refused with order_reversed
    And the books are right

  Scenario: Nothing counts twice, and nothing counts elsewhere
    When Zhang Li wants to pay 20.00 yuan at Corner Bakery
    And Zhang Li answers truly whatever is asked, at most 3 questions
    Then 20.00 yuan are debited from Zhang Li
    When the same capture is sent again
    Then it is refused with capture_already_submitted
    When a capture is sent with a nonce nobody gave out
    Then it is refused with nonce_wrong
    When the terminal of Panda Toys asks about the attempt
    Then it is refused with session_unknown
    When the same order is to be paid again
    Then it is refused with order_already_paid
    And Zhang Li has 180.00 yuan
    And the books are right
