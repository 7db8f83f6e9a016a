"""What would be in force: stored documents with a candidate among them."""

from service.core.rulebook import CANDIDATE, Stored, amended, files, named

WORDS = Stored(
    "vocabulary", "words", "vocabulary: words\nverbs:\n  completed: http://adlnet.gov/expapi/verbs/completed\n"
)
KEEN = Stored(
    "achievement",
    "keen",
    "achievement: keen\nname: Keen\ndescription: D\ncriteria: C\nimage: images/keen.png\n",
    (("images/keen.png", b"\x89PNG\r\n\x1a\nkeen"),),
)
RULE = "rule: r\ntitle: R\nhow_to_earn: H\nstatus: live\nwhen: {verb: completed}\ngive: {badge: keen}\n"
STORED = [WORDS, KEEN, Stored("rule", "r", RULE)]


def test_a_candidate_is_read_with_the_words_and_achievements_in_force() -> None:
    found, problems = amended(STORED[:2], RULE)
    assert problems == []
    assert [rule.name for rule in found.rules] == ["r"]
    assert found.images["achievement", "keen"].content.endswith(b"keen")


def test_a_candidate_takes_the_place_of_its_namesake() -> None:
    found, problems = amended(STORED, RULE.replace("give: {badge: keen}", "give: {points: 7}"))
    assert problems == []
    assert [rule.give[0].points for rule in found.rules] == [(("points", 7),)]


def test_problems_of_the_candidate_are_told_with_line_and_column() -> None:
    _, problems = amended(STORED, "# mine\n" + RULE.replace("keen", "missing"))
    assert [(one.path, one.line, one.column) for one in problems] == [(CANDIDATE, 7, 15)]


def test_what_is_taken_away_is_missed_where_it_is_needed() -> None:
    _, problems = amended(STORED, without=[("achievement", "keen")])
    assert [(one.path, one.line) for one in problems] == [("rule/r.yaml", 6)]
    found, problems = amended(STORED, without=[("rule", "r")])
    assert (found.rules, problems) == ((), [])


def test_warnings_about_other_documents_are_not_the_candidates_matter() -> None:
    board = Stored("board", "b", "board: b\ntitle: B\nperiod: ever\nfrom_rules: {tagged: nothing}\n")
    assert amended([*STORED, board], RULE)[1] == []
    assert [one.severity for one in amended(STORED, board.text)[1]] == ["warning"]


def test_the_names_in_a_text_are_told_even_where_it_has_mistakes() -> None:
    assert named(f"{RULE}---\nnonsense: 1\n---\nboard: b\n") == [("rule", "r"), ("board", "b")]
    assert named("rule: [") == []


def test_what_is_awarded_by_hand_has_names_of_its_own() -> None:
    by_hand = RULE.replace("rule: r", "rule: by-hand-keen")
    assert amended([*STORED, Stored("rule", "by-hand-keen", by_hand)], RULE)[1] == []
    _, problems = amended([*STORED, Stored("rule", "by-hand-keen", by_hand)], by_hand)
    assert [(one.path, one.line, one.column) for one in problems] == [(CANDIDATE, 1, 7)]


def test_stored_documents_are_files_beside_their_images() -> None:
    assert [path for path, _ in files(STORED)] == [
        "vocabulary/words.yaml",
        "achievement/keen/keen.yaml",
        "achievement/keen/images/keen.png",
        "rule/r.yaml",
    ]


def test_images_of_one_name_are_each_their_own_and_none_is_outside_of_the_folder() -> None:
    def one(name: str, path: str) -> Stored:
        text = f"achievement: {name}\nname: N\ndescription: D\ncriteria: C\nimage: {path}\n"
        return Stored("achievement", name, text, ((path, b"\x89PNG\r\n\x1a\n" + name.encode()),))

    stored = [one("a", "../../badge.png"), one("b", "../badge.png"), one("c", "badge.png"), one("d", "x/../badge.png")]
    found, problems = amended(stored)
    assert problems == []
    assert {name: image.content[-1:] for (_, name), image in found.images.items()} == {
        name: name.encode() for name in "abcd"
    }
    assert all(path.startswith(f"achievement/{path[12]}/") for path, _ in files(stored))
    _, problems = amended([], one("a", "/tmp/badge.png").text)
    assert '"image" cannot be "/tmp/badge.png"' in problems[0].message
