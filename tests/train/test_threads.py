from __future__ import annotations

import threading

import torch

from dl_lab.train.threads import one_thread


def in_a_thread(function):
    results = []
    thread = threading.Thread(target=lambda: results.append(function()))
    thread.start()
    thread.join()
    return results[0]


def test_one_thread_here_and_the_usual_number_elsewhere():
    torch.set_num_threads(2)
    inside = []

    def work():
        with one_thread():
            inside.append(torch.get_num_threads())
            inside.append(in_a_thread(torch.get_num_threads))
        return torch.get_num_threads()

    assert in_a_thread(work) == 2
    assert inside == [1, 2]
    assert torch.get_num_threads() == 2


def test_a_threads_own_number_comes_back():
    torch.set_num_threads(2)

    def work():
        torch.get_num_threads()
        torch.set_num_threads(3)
        in_a_thread(lambda: (torch.get_num_threads(), torch.set_num_threads(2)))
        with one_thread():
            assert torch.get_num_threads() == 1
        return torch.get_num_threads()

    assert in_a_thread(work) == 3
    assert in_a_thread(torch.get_num_threads) == 2
    torch.set_num_threads(2)
