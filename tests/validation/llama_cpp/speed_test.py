#!/usr/bin/env python3
"""How fast a machine was, found in anchors that follow a law, and in files as the harness writes them. No engine needed."""
import contextlib
import io
import pathlib
import tempfile
import types
import unittest

from experiment import LIBRARY, Experiment, Log, Speed, levels, timed_calls

USUAL = {("decode", "1"): 3_000.0, ("decode", "8"): 12_000.0, ("prefill", "128"): 70_000.0}
CALL_MS = 100


def anchor(level, prompts=1.0, stall_us=0):
    decode = [("1", 3_000 * level)] * 4 + [("8", 12_000 * level)]
    decode[1] = ("1", 3_000 * level + stall_us)
    return {"decode": decode, "prefill": [("128", 70_000 * level * prompts)]}


def run_of(anchors):
    """One call of CALL_MS between each two anchors."""
    return types.SimpleNamespace(anchors=list(enumerate(anchors)), ends=[i * CALL_MS for i in range(len(anchors))])


class SpeedTest(unittest.TestCase):
    def test_a_second_of_a_machine_at_half_speed_holds_half_a_second_of_work(self):
        speed = Speed(run_of([anchor(2)] * 21), USUAL)
        self.assertAlmostEqual(speed.to_work(1_000), 500)
        self.assertAlmostEqual(speed.to_work(5_000), 2_500)  # beyond the last anchor as before it
        self.assertEqual(speed.means, [2, 2])

    def test_work_and_clock_are_each_others_inverse(self):
        speed = Speed(run_of([anchor(1 + i % 7 / 5, stall_us=i % 3 * 10_000) for i in range(40)]), USUAL)
        moments = [0, 1, 99, 100, 777, 2_345, 3_899, 9_000]
        for ms in moments:
            self.assertAlmostEqual(speed.to_clock(speed.to_work(ms)), ms)
        work = [speed.to_work(ms) for ms in moments]
        self.assertEqual(work, sorted(work))

    def test_a_slow_stretch_stays_where_it_is(self):
        speed = Speed(run_of([anchor(1.5)] * 20 + [anchor(1)] * 80), USUAL)
        self.assertAlmostEqual(speed.to_work(1_000), 1_000 / 1.5)
        self.assertAlmostEqual(speed.to_work(9_000) - speed.to_work(8_000), 1_000)

    def test_stalls_slow_the_whole_run_by_their_share(self):
        # In every fourth anchor one of six calls takes 20 ms longer: 20 of 4 * 24 ms of generation.
        speed = Speed(run_of([anchor(1, stall_us=20_000 if i % 4 == 0 else 0) for i in range(80)]), USUAL)
        share = (1 + 20 / (4 * 24) + 1) / 2
        for i in range(len(speed.slowness)):
            self.assertAlmostEqual(speed.slowness[i], share)

    def test_generation_and_prompts_have_speeds_of_their_own(self):
        speed = Speed(run_of([anchor(1, prompts=3)] * 10), USUAL)
        self.assertAlmostEqual(speed.to_work(200), 100)
        self.assertEqual([round(kind, 9) for kind in speed.kinds], [0.5, 1.5])

    def test_many_rows_count_by_their_time_not_by_their_calls(self):
        slow = anchor(1)
        slow["decode"][4] = ("8", 24_000)
        decode, prefill = levels([slow] * 5, 2, 2, USUAL)
        self.assertAlmostEqual(decode, (4 * 3 + 24) / (4 * 3 + 12))
        self.assertEqual(prefill, 1)

    def test_only_anchors_near_by_say_how_slow_a_stretch_was(self):
        anchors = [anchor(2 if i < 10 else 1) for i in range(20)]
        self.assertEqual(levels(anchors, 6, 7, USUAL), [2, 2])
        self.assertEqual(levels(anchors, 12, 13, USUAL), [1, 1])
        self.assertEqual(levels(anchors, 0, 0, USUAL), [2, 2])
        self.assertEqual(levels(anchors, 19, 19, USUAL), [1, 1])


class FilesTest(unittest.TestCase):
    def file(self, text):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "file"
        path.write_text(text)
        return path

    def test_anchors_stand_on_the_clock_where_their_calls_ended(self):
        log = Log(self.file("headroom-call-log 2\nan engine\ntogether 8 512 1280\n"
                            "1 requests: arrival prompt output first-token finish, us\n10000 4 3 30000 100000\n"
                            "3 anchors: calls before, then decode|prefill tokens us of each\n"
                            "0 decode 1 3000 prefill 128 70000\n2 decode 1 3000 prefill 128 70000\n"
                            "3 decode 1 9000 prefill 128 210000\n"
                            "3 calls: idle-before duration, us, then request[:tokens]\n"
                            "10000 20000 0:4\n0 30000 0\n0 40000 0\n"))
        self.assertEqual([log.busy, log.idle, log.makespan], [90, 10, 100])
        self.assertEqual(log.rows, [{"ttft": 20, "e2e": 90, "tpot": 35}])
        speed = Speed(log, USUAL)
        self.assertEqual(speed.clock, [0, 60])
        self.assertEqual(speed.means, [5 / 3, 5 / 3])

    def test_files_of_another_version_are_refused_before_anything_is_measured(self):
        for name, text in (("run-1-in-turn-32-1.log", "headroom-call-log 1\n"),
                           ("calls-1.csv", "kind,rows,context,us\nanchor,50000,90000,0\nprefill,4,0,5000\n")):
            folder = self.file("").with_name(name).parent
            (folder / name).write_text(text)
            options = types.SimpleNamespace(work=folder, build="build", seeds="1", cpu=None)
            with self.assertRaises(SystemExit) as refused, contextlib.redirect_stderr(io.StringIO()) as said:
                Experiment(options).measure()
            self.assertEqual(refused.exception.code, 2)
            self.assertIn(name + ": expected a file of this version", said.getvalue())

    def test_a_folder_goes_on_with_its_own_settings_and_library_alone(self):
        folder = self.file("").parent
        (folder / LIBRARY).write_text("one build of the engine")
        options = types.SimpleNamespace(work=folder / "work", build="build", seeds="1", cpu=None, rate=2.2, library=folder)
        Experiment(options).check_files()
        Experiment(options).check_files()
        options.rate = 3.0
        self.assert_refused(options)
        options.rate = 2.2
        (folder / LIBRARY).write_text("another")
        self.assert_refused(options)

    def assert_refused(self, options):
        with self.assertRaises(SystemExit) as refused, contextlib.redirect_stderr(io.StringIO()) as said:
            Experiment(options).check_files()
        self.assertEqual(refused.exception.code, 2)
        self.assertIn("settings.json: expected ", said.getvalue())

    def test_rows_that_are_too_busy_are_not_judged_and_a_table_of_them_alone_fails(self):
        row = {"ttft": 10.0, "tpot": 2.0, "e2e": 50.0}
        result = lambda busy, ttft: ([types.SimpleNamespace(rows=[row], busy=busy, makespan=100.0) for _ in "ab"],
                                     [dict(row, ttft=ttft)], 100.0, [1.0, 1.0])
        judge = lambda **results: Experiment.print_errors(Experiment.__new__(Experiment),
                                                          {(name, "p"): each for name, each in results.items()})
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertTrue(judge(quiet=result(50, 10.0)))
            self.assertFalse(judge(quiet=result(50, 12.0)))
            self.assertTrue(judge(quiet=result(50, 10.0), busy=result(70, 12.0)))
            self.assertFalse(judge(busy=result(70, 10.0)))

    def test_timed_calls_belong_to_the_anchor_before_them(self):
        parts = timed_calls(self.file("kind,rows,context,us\nanchor-decode,1,0,3000\nanchor-prefill,128,0,70000\n"
                                      "prefill,16,0,9000\nbehind,1,32,3100\ndecode,1,9,3000\n"
                                      "anchor-decode,1,0,3300\nprefill,4,0,5000\n"))
        self.assertEqual([len(calls) for _, calls in parts], [3, 1])
        self.assertEqual(parts[0][0], {"decode": [("1", 3_000)], "prefill": [("128", 70_000)]})
        self.assertEqual(parts[1][1], [["prefill", "4", "0", "5000"]])


if __name__ == "__main__":
    unittest.main()
