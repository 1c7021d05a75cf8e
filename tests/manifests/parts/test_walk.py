from manifests.parts.walk import files_below


def test_links_are_followed_and_a_folder_is_walked_once_under_its_own_name(tmp_path):
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for path in (root / "b" / "1.hea", root / "b" / "2.HEA", root / "b" / "3.dat", elsewhere / "c" / "4.hea"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / "a").symlink_to(root / "b")  # beside
    (root / "b" / "loop").symlink_to(root)  # back
    (root / "z").symlink_to(elsewhere)
    (elsewhere / "again").symlink_to(elsewhere)
    (root / "5.hea").symlink_to(elsewhere / "c" / "4.hea")
    assert files_below(root, (".hea",)) == ["5.hea", "b/1.hea", "b/2.HEA", "z/c/4.hea"]
