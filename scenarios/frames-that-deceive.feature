Feature: Frames that deceive
  A capture is the mean of its frames. A mean can hide that one frame is a photograph, or shows somebody else.

  # Zhou Jie's amateur_posture looks like a print to the liveness models, the other frame does not.
  Scenario: One frame does not look alive
    Given a platform with 1,000 enrolled accounts
    And these shops:
      | shop         | city     | address          | latitude | longitude |
      | Lantern Deli | Hangzhou | 18 Hefang Street | 30.2425  | 120.1690  |
    And these people, enrolled from their own phones with studio_portrait and amateur_selfie:
      | name     | face | phone          | PIN    | reads   | city     | address          | latitude | longitude |
      | Zhou Jie | P007 | +8613400071184 | 762409 | English | Hangzhou | 5 West Lake Road | 30.2460  | 120.1551  |
    And Zhou Jie tops up 200.00 yuan
    And whoever pays looks at the terminal as in studio_posture and amateur_posture
    And the rules in default.toml are in force
    When Zhou Jie wants to pay 20.00 yuan at Lantern Deli
    Then the terminal shows not_live
    And nobody is debited
    And Zhou Jie is told of an attempt that was stopped
    And Zhou Jie has 200.00 yuan
    And the books are right
