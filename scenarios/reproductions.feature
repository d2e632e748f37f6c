Feature: Reproductions of a face
  Somebody shows the terminal a picture of an enrolled payer instead of the payer, or a picture that was put together.
  The frames are simulated from photographs of people who do not exist: these stories show what a gate does when it
  closes or does not, never how well it stands against real attacks (docs/liveness.md).

  Background:
    Given a platform with 1,000 enrolled accounts
    And these shops:
      | shop         | city     | address          | latitude | longitude |
      | Lantern Deli | Hangzhou | 18 Hefang Street | 30.2425  | 120.1690  |
    And these people, enrolled from their own phones with studio_posture and amateur_selfie:
      | name     | face | phone          | PIN    | reads   | city     | address          | latitude | longitude |
      | Zhou Jie | P007 | +8613400071184 | 762409 | English | Hangzhou | 5 West Lake Road | 30.2460  | 120.1551  |
    And Zhou Jie tops up 200.00 yuan
    And whoever pays looks at the terminal as in studio_portrait and studio_portrait
    And the rules in default.toml are in force

  Scenario: A printed photograph
    When somebody shows a printed photograph of Zhou Jie to the terminal of Lantern Deli, for 20.00 yuan
    Then the terminal shows not_live
    And nobody is debited
    And the pictures and the decision are kept
    And Zhou Jie is told of an attempt that was stopped

  Scenario: A picture on a telephone
    When somebody shows a telephone with a picture of Zhou Jie to the terminal of Lantern Deli, for 20.00 yuan
    Then the terminal shows not_live
    And nobody is debited
    And the pictures and the decision are kept

  Scenario: The payer's face beside somebody else's
    When somebody puts Zhou Jie's face beside the face of P003 and shows that to the terminal of Lantern Deli, for 20.00 yuan
    Then the frames are refused with several_faces, and the attempt waits for others
    And nobody is debited

  # The networks are in doubt and no more. What stops the payment is the PIN that doubt demands, and that a thief
  # does not know. A well made picture that is fed in behind the lens would not even raise doubt.
  Scenario: The payer's face over somebody else's
    When somebody puts Zhou Jie's face over the face of P003 and shows that to the terminal of Lantern Deli, for 20.00 yuan
    Then the terminal asks for the PIN
    And nobody is debited
    When somebody types 000000 at the terminal
    Then the terminal shows check_failed
    And nobody is debited
    And the pictures and the decision are kept
    And Zhou Jie is told of an attempt that was stopped
