"""Sentences of the wing `operations`, one per language for every code."""

from __future__ import annotations

from collections.abc import Mapping

from control.messages import Message

MESSAGES: Mapping[str, Message] = {
    "alert.ended": Message(
        vi="Cảnh báo {alert} đã kết thúc; không còn gì để đóng.",
        en="Alert {alert} has ended; there is nothing left to close.",
    ),
    "alert.measured": Message(
        vi="Cảnh báo {alert} do Prometheus đo, nên chỉ kết thúc khi số đo trở lại bình thường. Xem sổ tay để xử lý.",
        en="Alert {alert} is measured by Prometheus, so it ends when the measurement is good again. See the runbook.",
    ),
    "alert.not_taken": Message(
        vi="Chưa ai nhận cảnh báo {alert}. Nhận việc trước, rồi đóng.",
        en="Nobody has taken alert {alert}. Take it first, then close it.",
    ),
    "alert.taken": Message(
        vi="Cảnh báo {alert} đã có người nhận. Tải lại trang để biết ai đang giữ.",
        en="Alert {alert} is already taken. Load the page again to see by whom.",
    ),
    "alert.unreadable": Message(
        vi="Không đọc được nội dung Alertmanager gửi tới; hãy gửi lại.",
        en="What Alertmanager sent cannot be read; send it again.",
    ),
    "job.worker_died": Message(
        vi="Tiến trình nền chết khi đang làm việc này; việc không tự chạy lại.",
        en="The worker died while doing this job; it does not run again by itself.",
    ),
    "playbook.catalogue": Message(
        vi="Danh mục playbook có mục không đầy đủ: {playbook}. Sửa playbooks/catalogue.yaml.",
        en="The catalogue of playbooks has an entry that is not complete: {playbook}. Mend playbooks/catalogue.yaml.",
    ),
    "playbook.digest": Message(
        vi="Tệp của playbook {playbook} không khớp băm đã rà soát, nên không được chạy. Rà soát lại rồi ghi băm mới.",
        en="The file of playbook {playbook} does not match the digest that was reviewed, so it may not run. "
        "Review it and enter the new digest.",
    ),
    "playbook.params": Message(
        vi="Biến của playbook {playbook} không đúng danh mục. Mở lại trang và gửi lại.",
        en="The parameters of playbook {playbook} are not what its catalogue entry allows. Open the page again.",
    ),
    "run.already_taken": Message(
        vi="Lượt chạy này đã có tiến trình nhận hoặc đã kết thúc; lần giao thứ hai bị từ chối.",
        en="This run was taken already or has ended; the second delivery is refused.",
    ),
    "run.cancelled": Message(
        vi="Dừng theo yêu cầu của người trực; mọi tiến trình của lượt chạy đã kết thúc.",
        en="Stopped as somebody asked; every process of the run has ended.",
    ),
    "run.has_ended": Message(
        vi="Lượt chạy {run} đã kết thúc; không còn gì để dừng.",
        en="Run {run} has ended; there is nothing left to stop.",
    ),
    "run.lease_expired": Message(
        vi="Tiến trình giữ lượt chạy im lặng quá 30 giây. Kết quả không rõ; người trực xem và quyết định.",
        en="The process that held the run was silent for over 30 seconds. The result is not known; a person decides.",
    ),
    "run.lease_lost": Message(
        vi="Không gia hạn được quyền giữ lượt chạy (cơ sở dữ liệu không trả lời), nên đã dừng.",
        en="The lease could not be renewed (the database did not answer), so the run was stopped.",
    ),
    "run.needs_approval": Message(
        vi="Playbook này thay đổi máy chủ nên cần hai người khác duyệt trước khi chạy.",
        en="This playbook changes machines, so two other people must approve before it runs.",
    ),
    "run.never_taken": Message(
        vi="Tiến trình nền chết trước khi nhận lượt chạy; chưa có gì được làm. Có thể yêu cầu một lượt mới.",
        en="The worker died before it took the run; nothing was done. A new run may be asked for.",
    ),
    "run.not_prepared": Message(
        vi="Không chuẩn bị được thư mục cho lượt chạy {run}; xem nhật ký của tiến trình nền.",
        en="The folder of run {run} could not be prepared; see the worker's log.",
    ),
    "run.nothing_ran": Message(
        vi="Không có việc nào được chạy, nên tính là hỏng: có thể danh sách máy trống.",
        en="Not one task ran, so it counts as failed: perhaps the list of machines is empty.",
    ),
    "run.supervisor_died": Message(
        vi="Tiến trình giám sát của lượt chạy chết giữa chừng; phần còn lại đã bị dừng. Kết quả không rõ.",
        en="The supervisor of the run died on the way; what was left was stopped. The result is not known.",
    ),
    "run.tasks_failed": Message(
        vi="Có việc hỏng hoặc máy không tới được; xem bảng việc bên dưới.",
        en="A task failed or a machine was out of reach; see the table of tasks.",
    ),
    "run.timed_out": Message(
        vi="Quá thời gian của playbook nên đã dừng; mọi tiến trình đã kết thúc.",
        en="The playbook's time was over, so it was stopped; every process has ended.",
    ),
    "run.worker_stopped": Message(
        vi="Tiến trình nền được dừng khi đang chạy; phần còn lại đã bị dừng. Không tự chạy lại.",
        en="The worker was stopped while this ran; the rest was stopped. It does not run again by itself.",
    ),
    "runbook.broken": Message(
        vi="Sổ tay {runbook} viết sai dạng nên không hiện được: {fault}. Sửa tệp runbooks/{runbook}.md.",
        en="Runbook {runbook} is not of the agreed form and cannot be shown: {fault}. Mend runbooks/{runbook}.md.",
    ),
    "schedule.cron": Message(
        vi="Biểu thức lịch không đúng: {cron}.",
        en="The schedule's expression is not valid: {cron}.",
    ),
    "schedule.missed": Message(
        vi="Không tiến trình nền nào nhận lịch này đúng giờ; lần đã lỡ không tự chạy bù.",
        en="No worker took this schedule in time; what was missed is not made up for by itself.",
    ),
}
