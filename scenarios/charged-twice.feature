Feature: Charged twice, and money that comes back
  One meal was once debited four times in ten seconds. The same payer, shop and amount again within a minute is asked
  about, and needs more than a face. What was charged wrongly goes back, in parts if need be, and never twice.

  Background:
    Given a platform with 1,000 enrolled accounts
    And these shops:
      | shop          | city    | address          | latitude | longitude |
      | Campus Dining | Chengdu | 24 South Yihuan  | 30.6310  | 104.0830  |
    And these people, enrolled from their own phones with studio_portrait and amateur_posture:
      | name     | face | phone          | PIN    | reads   | city    | address         | latitude | longitude |
      | Zhang Li | P002 | +8613700024077 | 330581 | English | Chengdu | 77 Renmin Road  | 30.6600  | 104.0650  |
    And whoever pays looks at the terminal as in studio_posture and amateur_selfie
    And Zhang Li tops up 200.00 yuan

  Scenario: The same meal a second time
    When Zhang Li wants to pay 23.00 yuan at Campus Dining
    And Zhang Li answers truly whatever is asked, at most 3 questions
    Then 23.00 yuan are debited from Zhang Li

    # The till sends it again; the face alone would do, and would be wrong.
    When Zhang Li wants to pay 23.00 yuan at Campus Dining
    Then the terminal says that this was just paid
    When Zhang Li types 000000 at the terminal
    Then the terminal shows check_failed
    And Zhang Li has 177.00 yuan

    # Two meals after all: the PIN says that it is meant.
    When Zhang Li wants to pay 23.00 yuan at Campus Dining
    Then the terminal says that this was just paid
    When Zhang Li types 330581 at the terminal
    Then 23.00 yuan are debited from Zhang Li
    And Zhang Li has 154.00 yuan
    And the books are right

  Scenario: Money back, in parts
    When Zhang Li wants to pay 80.00 yuan at Campus Dining
    And Zhang Li answers truly whatever is asked, at most 3 questions
    Then 80.00 yuan are debited from Zhang Li
    When Campus Dining refunds 30.00 yuan of it as R-1: two dishes were missing
    Then Zhang Li is told that 30.00 came back
    And Zhang Li has 150.00 yuan
    # The answer was lost, so the shop sends it again; and then something else under the same number.
    When Campus Dining refunds 30.00 yuan of it as R-1: two dishes were missing
    Then Zhang Li has 150.00 yuan
    When Campus Dining refunds 31.00 yuan of it as R-1: three dishes were missing
    Then it is refused with refund_conflict
    When Campus Dining refunds 50.01 yuan of it as R-2: the whole bill
    Then it is refused with refund_above_paid
    When the power is cut and comes back
    And Campus Dining refunds 50.00 yuan of it as R-2: the whole bill
    Then Zhang Li has 200.00 yuan
    And the books are right
