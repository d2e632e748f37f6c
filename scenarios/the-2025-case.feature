# The people are synthetic; their names, homes and numbers are made up. P010 (Chen Fang) and P004 (Li Min) look
# alike enough for a fixed threshold: their pictures score 0.58 to 0.67, the usual threshold is 0.363. Their phone
# numbers end in the same four digits. From Chen Fang's home to Li Min's it is 1,300 km.

Feature: The 2025 case
  In January 2025 a woman read on her phone that face payment had paid 106.64 yuan in a shop in another province.
  She had never been there. The shop said that the last four digits of her phone had been typed correctly, too.
  It took some 50 hours until she was paid in advance. How could the face and the digits both be right?

  Background:
    Given a platform with 100,000 enrolled accounts
    And these shops:
      | shop               | city      | address           | latitude | longitude |
      | Morning Tea House  | Guangzhou | 12 Beijing Road   | 23.1252  | 113.2690  |
      | Bell Tower Noodles | Xi'an     | 3 West Street     | 34.2610  | 108.9420  |
      | Bund Books         | Shanghai  | 200 Fuzhou Road   | 31.2333  | 121.4800  |
    And these people, enrolled from their own phones with studio_portrait and amateur_posture:
      | name        | face | phone          | PIN    | reads   | city      | address             | latitude | longitude |
      | Chen Fang   | P010 | +8613800138024 | 582913 | English | Guangzhou | 8 Yuexiu Road       | 23.1291  | 113.2644  |
      | Li Min      | P004 | +8613911118024 | 407716 | Chinese | Xi'an     | 21 Daqing Road      | 34.3416  | 108.9398  |
      | Wang Wei    | P001 | +8613700010311 | 918204 | Chinese | Shanghai  | 5 Huaihai Road      | 31.2222  | 121.4581  |
      | Zhang Li    | P002 | +8613700024077 | 330581 | Chinese | Shanghai  | 77 Siping Road      | 31.2750  | 121.5000  |
      | Liu Yang    | P003 | +8613600031942 | 671290 | English | Guangzhou | 40 Tianhe Road      | 23.1353  | 113.3271  |
      | Zhao Lei    | P005 | +8613500055613 | 840027 | Chinese | Xi'an     | 9 Xingqing Road     | 34.2450  | 108.9850  |
      | Sun Hui     | P006 | +8613500067208 | 195536 | English | Shanghai  | 310 Yan'an Road     | 31.2256  | 121.4450  |
      | Zhou Jie    | P007 | +8613400071184 | 762409 | Chinese | Guangzhou | 16 Baiyun Avenue    | 23.1850  | 113.2670  |
      | Wu Xin      | P008 | +8613300088351 | 548173 | English | Xi'an     | 2 Gaoxin Road       | 34.2300  | 108.8900  |
      | Xu Ning     | P009 | +8613200094790 | 206958 | Chinese | Shanghai  | 64 Zhongshan Road   | 31.2160  | 121.4200  |
    And whoever pays looks at the terminal as in studio_posture and amateur_selfie
    And the operator puts 10,000.00 yuan into the reserve
    And Chen Fang tops up 500.00 yuan
    And Chen Fang's phone is seen at home

  # Digits choose whom to compare, and the best face above the threshold pays. Li Min's own account is frozen, so
  # the only enrolled face like hers, among the numbers that end in 8024, is Chen Fang's. The digits match by
  # construction: the search looked at nobody whose digits do not.
  Scenario: What the old rules do
    Given Li Min freezes face payment
    And the rules in legacy-last4.toml are in force

    # The real case began with an activation at the till. Here no till can do that.
    When Bell Tower Noodles tries every way to enable a face from its terminal
    Then every way is refused

    When Li Min wants to pay 106.64 yuan at Bell Tower Noodles
    Then the terminal asks for the last four digits of the phone
    When Li Min types 8024 at the terminal
    Then 106.64 yuan are debited from Chen Fang
    And Chen Fang has 393.36 yuan
    And Chen Fang is told at once of the debit, with 106.64, Bell Tower Noodles, Xi'an

    When Chen Fang taps "not me"
    Then Chen Fang has the money back within 10 seconds
    And Chen Fang has 500.00 yuan
    And Chen Fang's face payment is frozen
    And the reserve holds 9,893.36 yuan

    # Why: from the platform's own records, without asking her anything.
    And the evidence weighs against the debit:
      | reason                 |
      | digits_narrowed_search |
      | better_match           |
      | impossible_travel      |
      | city_never_visited     |
      | no_strong_factor       |
    And investigators see that Li Min fits better
    But Chen Fang is not told that Li Min fits better

    When Bell Tower Noodles contests with the words: The digits were right, too.
    And staff finds wrong_person: Another enrolled payer stood there; the digits only chose whom to compare.
    And staff closes the case
    Then Chen Fang was told, in this order:
      | message                |
      | dispute_filed          |
      | dispute_evidence       |
      | dispute_merchant_asked |
      | dispute_compensated    |
      | dispute_statement      |
      | dispute_finding        |
      | dispute_closed         |
    And Chen Fang can see who looked at the evidence
    And the books are right

  # The platform does not know the stranger at all, so that Chen Fang is the best it can think of.
  Scenario: A stranger whom the platform does not know
    Given Li Min withdraws the consent
    And the rules in default.toml are in force
    When Li Min wants to pay 106.64 yuan at Bell Tower Noodles
    And Li Min types 8024 for the last four digits, and otherwise what is her own
    Then nobody is debited
    And Chen Fang is told of an attempt that was stopped

    # Even round the corner from Chen Fang's home, where the place speaks for Chen Fang.
    When Li Min wants to pay 20.00 yuan at Morning Tea House
    And Li Min types 8024 for the last four digits, and otherwise what is her own
    Then nobody is debited
    And Chen Fang has 500.00 yuan
    And the books are right

  # The same two women, the same pictures, the same digits. The server of this scenario stays after the demonstration.
  Scenario: What Surety does
    Given Li Min freezes face payment
    And the rules in default.toml are in force
    When Li Min wants to pay 106.64 yuan at Bell Tower Noodles
    And Li Min types 8024 for the last four digits, and otherwise what is her own
    Then nobody is debited
    And Chen Fang has 500.00 yuan

    # And who is who she says pays, with no more than two questions.
    When Chen Fang wants to pay 35.50 yuan at Morning Tea House
    And Chen Fang answers truly whatever is asked, at most 2 questions
    Then 35.50 yuan are debited from Chen Fang
    And Chen Fang has 464.50 yuan
    And Chen Fang is told at once of the debit, with 35.50, Morning Tea House, Guangzhou
    When the same order is to be paid again
    Then it is refused with order_already_paid

    # Chen Fang has look-alikes, so that she was asked for her PIN. Who has none is asked less.
    When Liu Yang tops up 100.00 yuan
    And Liu Yang wants to pay 12.80 yuan at Morning Tea House
    And Liu Yang answers truly whatever is asked, at most 1 questions
    Then 12.80 yuan are debited from Liu Yang

    # The same from the reference terminal, `surety terminal`, with its counter on the disk.
    When Liu Yang pays 6.50 yuan at Morning Tea House before the reference terminal
    Then Liu Yang has 80.70 yuan
    And the books are right
