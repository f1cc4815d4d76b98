"""Errors as sentences: what was given, what is allowed, what to do.

Every sentence has a key, so that a view can say it in its own language: the other catalogues in
``js/shared/locales`` hold the same keys under ``error``, and a test compares them with this table.
"""

from __future__ import annotations

import difflib
import math
import numbers
import reprlib
import sys
from collections.abc import Iterable, Mapping, Sequence

SENTENCES = {
    "choice": "{name} cannot be {given}. Choose one of: {allowed}.",
    "choice_near": "{name} cannot be {given}; did you mean {near}? Choose one of: {allowed}.",
    "whole": "{name} must be a whole number between {low} and {high}; got {given}.",
    "number": "{name} must be a number between {low} and {high}; got {given}.",
    "yes_no": "{name} must be true or false; got {given}.",
    "stale_network": "The network has changed since; look at the new one and edit that.",
    "some": "{name} cannot be empty. Keep at least one of: {allowed}.",
    "sizes": "{name} must be a list of whole numbers, such as (4, 2); got {given}.",
    "numbers": "{name} must be a list of {least} to {most} numbers; got {given}.",
    "too_many": "{name} can have at most {most} entries; got {given}.",
    "unexpected": "Something went wrong in the kernel ({kind}: {detail}). "
    "The kernel's log tells more.",
    "request_late": "This has to wait: the step that trains, or what was asked for before, has not "
    "ended for {seconds} s. It is done as soon as that ends.",
    "step_failed": "A training step raised {kind}: {detail}. Fix it and start again; the weights "
    "are as they were.",
    "batch_unlabelled": "In epoch {epoch} a batch held no labels: the loss leaves out every one "
    "of its targets, so it became {value}, the mean of nothing. The weights of epoch {kept} are "
    "back. Leave such batches out or make them larger; callbacks=[StopOnNaN(enabled=False)] "
    "trains through them.",
    "loss_nan": "In epoch {epoch} the loss became {value}, though every weight is a finite "
    "number. Look for a batch in which no target counts, and for the logarithm of 0 or a division "
    "by 0 in the model or the loss. The weights of epoch {kept} are back. If none of these is the "
    "cause, try a smaller learning rate ({learning_rate} now).",
    "graph_no_tensor": "x must hold a tensor that the model takes, such as "
    "torch.rand(1, 3, 224, 224); got {given}. The model raised {kind}: {detail}.",
    "graph_failed": "{place} raised {kind}: {detail}. x is {given}. What the model did until then "
    "is drawn.",
    "graph_failed_in": "{operation} in {place} raised {kind}: {detail}. It was given {shapes}; x "
    "is {given}. What the model did until then is drawn.",
    "graph_needs_values": "{operation} in {place} asks for a number, and on the meta device there "
    "are shapes but no numbers. What the model did until then is drawn; to see all of it, give the "
    "model on the CPU.",
    "graph_rule": "rule must be a function of a group that returns True or False, or a list of "
    "regular expressions and classes, such as ['attn', nn.Linear]; got {given}.",
    "graph_pattern": "rule holds {given}, which is not a regular expression ({detail}). Put a "
    "backslash before signs that stand for themselves.",
    "graph_rule_failed": "rule raised {kind}: {detail}. It is called with each group: its path, "
    "label (the class), kind, count, parameters and macs.",
    "graph_other": "What is shown side by side must be a model or a Trainer, such as "
    "GraphViewer.compare(trainer_a, trainer_b); got {given}.",
    "graph_no_batch": "x is missing, and at this moment the trainer has no batch to take it from. "
    "Give what the model is called with: GraphViewer(x=inputs, trainer=trainer).",
    "graph_keys": "{name} must be a list of the keys of groups, each once, or None for what fits; "
    "got {given}.",
    "graph_cameras": "{name} must hold x, y and zoom for each graph, or None for all of it, such "
    "as [(120, 80, 1.5)]; got {given}.",
    "graph_no_module": "The model has no module {given}; model.named_modules() lists them.",
    "short_text": "{name} must be text of at most {most} characters; got {given}.",
    "layers_on_meta": "On the meta device there are shapes but no numbers that a LayerViewer could "
    "show. Give the model on the CPU or a GPU.",
    "graph_live_failed": "The network could not be looked at on the batch of the next step: it "
    "raised {kind}: {detail}.",
    "not_finite_forward": "Step {step}: the first {kind} came up in the forward pass, in "
    "{operation} of {place}{line}.",
    "not_finite_loss": "Step {step}: all that the model computed was finite, but the loss of it is "
    "{kind}. Look for the logarithm of 0 or a division by 0 in the loss.",
    "not_finite_backward": "Step {step}: the first {kind} came up in the backward pass: "
    "{operation} of {place}{line} sends back a gradient that is not finite, though its own is.",
    "not_finite_update": "Step {step}: all gradients were finite, but the update made {operation} "
    "of {place} {kind}. Try a smaller learning rate.",
    "no_labels": "The validation data hold no labels: the loss leaves out every one of their "
    "targets, so it would be the mean of nothing. Give data of which at least one target counts.",
    "step_late": "The run was interrupted, but its step has not ended within {seconds} s. When it "
    "does, the run pauses. If it never does, its data, its model or a callback hangs: restart the "
    "kernel.",
    "diverged": "Training diverged: in epoch {epoch} the loss or a weight became {value}. "
    "The weights of epoch {kept} are back. Try a smaller learning rate ({learning_rate} now), "
    "less regularization, or features of a smaller scale.",
    "shapes": "The outputs have the shape {output} and the targets {target}; they must be equal.",
    "no_batches": "The training data has no batches. Give at least one (inputs, targets) pair.",
    "closed": "{name} is closed. Create a new one to continue.",
    "not_dense": "{name} needs an nn.Sequential of linear layers and activations, as "
    "dl_lab.nets.dense builds it; {given} is another network.",
    "activation_failed": "{given} cannot be used as an activation: called with a tensor of "
    "numbers it raised {kind}: {detail}. Give a function that takes a tensor of any shape; "
    "torch.where(x > 0, x, 0.1 * x) does what an if would.",
    "activation_returned": "{given} must return a tensor with one number for each number; got "
    "{result}.",
    "activation_shape": "{given} must return one number for each number, a tensor of shape "
    "{wanted}; got one of shape {shape} and of {dtype}.",
    "activation_not_finite": "{given} returned {value} at x = {x}, or its derivative is that. "
    "Give a function with a finite value and slope for every number, such as lambda x: "
    "torch.log(x.clamp(min=1e-3)).",
    "activation_depends": "What {given} returns for a number changes from call to call, or with "
    "the other numbers beside it. Give a function of each row alone, and a module in evaluation: "
    "module.eval().",
    "activation_class": "own must be a function or a module; got the class {given}. Make one of "
    "it: {given}().",
    "cost_not": "own must be a cost function or a loss module, such as nn.MSELoss(); got {given}.",
    "cost_failed": "{given} cannot be used as a cost: called with predictions and targets it "
    "raised {kind}: {detail}. Give a function of two tensors of one shape, or of logits and class "
    "indices.",
    "cost_returned": "{given} must return a tensor: a cost for each prediction, or their mean; got "
    "{result}.",
    "cost_shape": "{given} must return a cost for each of {count} predictions, or their mean; got "
    "a tensor of shape {shape} and of {dtype}.",
    "cost_no_gradient": "What {given} returns has no gradient, so nothing can be learnt from it. "
    "Compute it of the predictions with torch alone, without .item(), .detach() or numpy.",
    "cost_not_finite": "{given} returned {value} for the prediction {prediction} and the target "
    "{target}, or its gradient is that. Give a cost that is finite for every prediction; "
    "clamp(min=1e-6) keeps a logarithm from 0.",
    "cost_classes": "{given} must return one number for logits of shape [1, classes] and class "
    "indices of shape [1], the mean over its examples; got {result}.",
    "parameters": "This network has {count} parameters; got {given}.",
    "twice": "{name} has {given} twice. Give each at most once.",
    "not_plain": "A checkpoint cannot hold {name}: {given} is neither a tensor or an array nor a "
    "plain value. Leave it out of state_dict, or store there what it is made of.",
    "not_written": "{path} could not be written ({detail}). The file that was there before is "
    "unchanged. Make room or choose another folder, and save again.",
    "not_read": "{path} could not be read ({detail}). Check the folder and the name.",
    "damaged_file": "{path} is damaged or cut short ({detail}). Use another copy of it.",
    "no_original": "{folder} has no {file}. Put the four original files of {title} there, "
    "gzipped or unpacked, or let torchvision download them: {call}.",
    "needs_torchvision": "To download {title}, dl-lab needs torchvision, which cannot be imported "
    "({detail}). Install the one that fits your torch (pip install torchvision), or put the "
    "original files into {folder} yourself: {files}.",
    "not_downloaded": "{title} could not be downloaded into {folder} ({detail}). Check "
    "the connection and the folder, or put the original files there yourself: {files}.",
    "download_folder": "download=True needs a folder to download into. Name it: {call}.",
    "path_kind": "{name} must be a path as text, such as 'runs', or a pathlib.Path; got {given}.",
    "path_empty": "{name} is empty. Give a path, such as 'runs', or '.' for the working folder.",
    "path_long": "{name} has {length} characters, and a path has at most {most}. Give a shorter "
    "one, such as 'runs'.",
    "path_address": "{name} must be a path on this machine, and {given} is the address of "
    "something elsewhere. Give a folder here, such as 'runs', and copy from or to the other place "
    "yourself.",
    "path_variable": "{name} begins with a variable of the shell, {given}, which Python does not "
    "fill in. Write ~ for your home, or give os.path.expandvars({given}).",
    "path_home": "{name} is {given}, but there is no home folder {home} on this machine. Your own "
    "is ~ alone; a folder that is really called so is './' and its name.",
    "path_is_file": "{name} must be a folder, and {path} is a file. Give another path.",
    "path_is_folder": "{name} must be a file, and {path} is a folder. Add the file's name to it.",
    "foreign_file": "{path} is not a checkpoint that Trainer.save wrote. Load weights from other "
    "files with the library that wrote them.",
    "newer_file": "{path} was written by a newer dl-lab (format {given}; this one reads up to "
    "{known}). Upgrade dl-lab to read it.",
    "which_mode": "Whether a smaller or a larger {name} is better cannot be told from its name. "
    'Give mode="min" or mode="max".',
    "stopped_early": "Stopped after epoch {epoch}: {monitor} has not improved for {patience} "
    "epochs. The best was {best} in epoch {best_epoch}.",
    "stopped_early_best": "Stopped after epoch {epoch}: {monitor} has not improved for {patience} "
    "epochs. The best was {best} in epoch {best_epoch}; its weights are back.",
    "foreign_table": "{path} holds something that CSVLogger did not write. Give it another path.",
    "other_optimizer": "This scheduler belongs to another optimizer than the trainer's. Build it "
    "on trainer.optimizer, or give LRSchedule a function that makes one from the optimizer.",
    "batch_kind": "A batch must be a pair (inputs, targets), several inputs and the targets, a "
    "dictionary or a tensor; the data gave {given}.",
    "batch_size_needed": "batch_size cannot be None for {given}, whose number of rows is not "
    "known. Give a number, such as 64.",
    "not_data": "{name} must be a DataLoader, a Dataset, a tuple of tensors or another iterable "
    "of batches; got {given}.",
    "not_tensors": "{name} holds {given} where tensors are needed. Turn each into one: "
    "torch.tensor(values, dtype=torch.float32) for numbers, dtype=torch.long for class indices.",
    "data_once": "{name} is a {given}, which can be run through only once. Give a DataLoader, or "
    "a list of its batches: list(…).",
    "no_rows": "{name} holds a single number, {given}, and so no rows. Give tensors with one row "
    "for each example.",
    "rows_differ": "The tensors of {name} have {counts} rows; each needs as many as the others, "
    "one for each example. What belongs together as a whole, such as a graph, is taken all at once "
    "with batch_size=None.",
    "empty_data": "{name} is empty: {given}. Give at least one example.",
    "no_length": "{name} is a {given} that does not say how many rows it has. Give the class a "
    "method __len__.",
    "all_dropped": "{name} yields no batch: it has {rows} rows, fewer than its batch_size of "
    "{batch_size}, and drop_last=True leaves them out. Use a smaller batch_size or "
    "drop_last=False.",
    "own_function": "{name} must be a function or an object that can be called; got {given}.",
    "own_step_returned": "{name} must return one number, or a mapping from names to numbers, such "
    "as dict(generator_loss=loss); got {given}.",
    "own_validation_failed": "validation raised {kind}: {detail}. Fix it and start again.",
    "own_step_failed": "The step raised {kind}: {detail}. Fix it and start again; what it had done "
    "before that stays done.",
    "own_step_loss": "This Trainer runs a training step of your own, whose loss cannot be "
    "measured without training. Set learning rates with trainer.tune(lr=…), and measure with "
    "validation=.",
    "own_twice": "Both step and validation return {name}, and one curve cannot show the two. Give "
    "one of them another name.",
    "own_gradients": "{callback} looks at gradients before the update, which a training step of "
    "your own does by itself. Return the norm from the step: dict(gradient_norm=norm).",
    "own_setting": "{name} does not go with a training step of your own: do that in the step "
    "itself.",
    "own_step_state": "What was saved is of a training step of your own. Give the step and what "
    "it trains again: Trainer.load(path, models, optimizer=optimizers, step=step, train=train).",
    "own_step_none": "What was saved is of a Trainer with a loss, and this one has a training "
    "step of your own. Load it with Trainer.load(path, model) and without step.",
    "own_no_model": "models is empty. Give the models that the step trains: one, a list, or a "
    "mapping from names to models.",
    "own_no_optimizer": "optimizers is empty. Give the optimizers that the step uses: one, a "
    "list, or a mapping from names to optimizers.",
    "curve_failed": "The function raised {kind}: {detail}. It is given a tensor of places between "
    "-1 and 1 and returns as many values, such as lambda x: torch.sin(3 * x).",
    "curve_shape": "The function must return a tensor of the shape {wanted}, a value for each "
    "place; it returned {given}.",
    "curve_not_finite": "The function is not a finite number at x = {x}. Give one that is, "
    "everywhere between -1 and 1.",
    "curve_points": "Points must be a pair (x, y) of two rows of equally many numbers, at least "
    "10, with different x; got {given}.",
    "not_finite_points": "The points hold NaN or infinite values. Leave those points out.",
    "network_maker": "network must be a function that makes a module from [n, 1] to [n, 1] of a "
    "given width, such as lambda width: nn.Sequential(nn.Linear(1, width), nn.ReLU(), "
    "nn.Linear(width, 1)); got {given}.",
    "network_failed": "network(2) raised {kind}: {detail}. It must make a module that takes a "
    "tensor of the shape [n, 1] and returns one of that shape.",
    "choices_data": "data must be (inputs, targets), two tensors with a row for each example, or "
    "such pairs for training and test: ((inputs, targets), (inputs, targets)); got {given}.",
    "choices_rows": "The data have {count} examples, too few to train with some and test with "
    "others. Give at least {least}.",
    "choices_sequential": "Batch normalization and dropout are put between the layers of an "
    "nn.Sequential; {given} has its own forward. Choose another switch, or give an nn.Sequential.",
    "stages_unknown": "The stages of a watched loop are told by its model and its torch "
    "optimizer. Give both: dl_lab.watch(model, optimizer).",
    "model_name": "A model's name must be text without a dot; got {given}.",
    "which_optimizer": "There are several optimizers: {names}. Say whose learning rates are "
    "meant: {callback}(…, optimizer=NAME).",
    "not_metric": "metrics must be names such as 'accuracy', functions that have a name, or a "
    "dictionary from names to these; got {given}. For a function without a name: "
    "metrics=dict(my_metric=function).",
    "metric_loss": "The loss is recorded in any case. Give the metric another name than 'loss'.",
    "accuracy_border": "{name} cannot tell what the outputs are, {outputs}: probabilities, where "
    "more than 0.5 is a yes, or logits, where more than 0 is. Say which: "
    "metrics=dict({name}=functools.partial(dl_lab.accuracy, threshold=0.5)), or threshold=0.",
    "accuracy_one_hot": "{name} cannot tell whether each row has one class or each output is a "
    "yes or no of its own: the outputs are {outputs} and the targets {targets}. Say which: "
    "metrics=dict({name}=functools.partial(dl_lab.accuracy, {more}labels=False)) for one class a "
    "row, or labels=True.",
    "accuracy_dimension": "{name} cannot tell along which dimension of the outputs, {outputs}, "
    "the classes lie: the targets, {targets}, fit more than one. Say which: "
    "metrics=dict({name}=functools.partial(dl_lab.accuracy, {more}dim=1)).",
    "accuracy_values": "{name} needs targets that are classes: their numbers, 0 and 1, or -1 and "
    "1. These hold others: {targets}, where the outputs are {outputs}. For regression use 'mae' "
    "or 'mse', for labels between 0 and 1 metrics=dict({name}=functools.partial(dl_lab.accuracy, "
    "labels=True)).",
    "accuracy_range": "{name} met the target {wrong}, but the outputs, {outputs}, have the "
    "classes 0 to {last}. If that target is not to count, say so: "
    "metrics=dict({name}=functools.partial(dl_lab.accuracy, {more}ignore_index={wrong})). "
    "Otherwise correct the targets, or give the model more outputs.",
    "series_twice": "Two things would be recorded as {name}, one of them of the validation data "
    "{data}. Give these data another name.",
    "metric_shapes": "The metric {name} cannot compare the outputs, {outputs}, with the targets, "
    "{targets}. Use another metric, or a function of your own that takes (outputs, targets) and "
    "returns one number.",
    "range_order": "The lowest learning rate must be below the highest; {low} is not below {high}.",
    "range_rose": "The test ended at the learning rate {rate}: the smoothed loss had risen to "
    "{factor} times its lowest.",
    "range_not_finite": "The test ended at the learning rate {rate}: the loss became {value}.",
    "range_interrupted": "The test was interrupted before the learning rate {rate}.",
    "range_cut_short": "The test was interrupted after short trainings with {count} learning "
    "rates; those still to come were not done.",
    "range_not_tried": "The test was interrupted before short trainings could tell which learning "
    "rate is best, so it suggests none. Run it again to get a suggestion.",
    "range_late": "The test was interrupted, but its step has not ended within {seconds} s. When "
    "it does, all is put back. If it never does, its data or its model hangs: restart the kernel.",
    "range_no_loss": "No loss could be measured: even the first were not finite. Look at the data, "
    "the weights and the loss, or begin at a lower rate.",
    "range_no_descent": "The test cannot tell which learning rate is best: none from {low} to "
    "{high} clearly lowers the loss within {steps} steps, so it suggests none. Widen the range, "
    "give training_steps more, or look at the data, the model and the loss.",
    "range_nothing_chosen": "The test suggests no learning rate. Give one, such as use(0.01).",
    "library": "This needs the package {name}. Install it with: {command}",
    "run_name": "A run cannot be called {given}. Use at most {most} characters, none of / \\"
    ' : * ? " < > |, no dot or space at either end, and no ~ at the beginning.',
    "run_folder": "The folder {path} cannot be made ({detail}). Choose another root.",
    "logdir_undecodable": "The name of the folder {given} is not valid text, so no page can show "
    "it. Rename it, or choose another.",
    "logdir_spec": "logdir is one folder, and {given} reads as TensorBoard's list of several or a "
    "name for one. Give the folder that they lie in, such as 'runs'; to make a folder"
    " that is really called so, put ./ before its name.",
    "magic_logdir": "%tensorboard needs a folder: %tensorboard --logdir runs. {given} names none.",
    "magic_quote": "In %tensorboard {given} a quotation mark is not closed, or a backslash ends "
    'the line. Write it as in: %tensorboard --logdir "my runs".',
    "magic_words": "%tensorboard takes one folder, and {given} is left over. Put a folder's name "
    'that has blanks in quotation marks: %tensorboard --logdir "my runs".',
    "magic_unfilled": "%tensorboard cannot fill in {given} in {logdir}: there is no such variable "
    "in this notebook. Define it first, or write the folder's name.",
    "magic_ignored": "{given}: without effect here. dl-lab shows TensorBoard through Jupyter, "
    "where only you can reach it; what it loads is set in the server's configuration "
    "(TensorBoards).",
    "events_full": "The event file {path} cannot be written ({detail}). Training goes on; "
    "the curves are completed when there is room again.",
    "events_gone": "The event file {path} is gone ({detail}). Training goes on and writes "
    "no more events.",
    "events_dropped": "{name} is left out of the event files in {path}: it would take more "
    "time or memory than they may cost. Add such things less often.",
    "event_failed": "{name} could not be put into the event files ({detail}). Training goes"
    " on without it.",
    "image_shape": "{name} must be an image of shape [height, width] or [channels, height, "
    "width], or several of shape [count, channels, height, width], with 1 or 3 channels; got "
    "{given}.",
    "not_numbers": "{name} must be a tensor, an array or a list of numbers; got {given}.",
    "as_many": "{name} must be {count}, one for each {each}; got {given}.",
    "event_shape": "{name} must have the shape {allowed}; got {given}.",
    "no_scheduler": "LRSchedule needs a scheduler of torch.optim.lr_scheduler or a function that "
    "makes one from the optimizer; got {given}.",
    "plateau_scheduler": "torch's ReduceLROnPlateau has to be told a value. Use "
    "dl_lab.callbacks.ReduceLROnPlateau, which reads it from the history.",
    "model_class": "model must be a network, and {given} is a class. Make one of it: {given}().",
    "not_model": "model must be an nn.Module, such as nn.Sequential(…); got {given}.",
    "lazy_layer": "{layer} does not know its size yet. Run one batch through the model first: "
    "model(inputs).",
    "hidden_layers": "{name} has no parameters that PyTorch can see: {attribute} holds layers in "
    "a plain list or dictionary. Use nn.ModuleList, nn.ModuleDict or nn.Sequential there.",
    "no_parameters": "{name} has no parameters, so there is nothing to train. Give the model "
    "layers that have weights, such as nn.Linear or nn.Conv2d.",
    "all_frozen": "Every parameter of {name} is frozen (requires_grad is False), so there is "
    "nothing to train. Set requires_grad_(True) on the layers to train.",
    "optimizer_class": "optimizer must be an optimizer, and {given} is a class. Make one of it: "
    "torch.optim.{given}(model.parameters(), lr=0.01).",
    "not_optimizer": "optimizer must be a torch optimizer, such as "
    "torch.optim.Adam(model.parameters()); got {given}.",
    "other_parameters": "The optimizer ({optimizer}) updates {count} parameters, and none of them "
    "belongs to this {model}. The model may have been created again since; create the optimizer "
    "again too: torch.optim.{optimizer}(model.parameters(), …).",
    "loss_kind": "The loss returned {given}, but must return a tensor with one number that was "
    "computed from the outputs. Leave out .item() and numpy.",
    "loss_vector": "The loss returned {given}, but training needs one number. Use "
    'reduction="mean", or take its .mean().',
    "loss_detached": "No gradient can flow from the loss back to the outputs. Look in the loss "
    "for .detach(), .data, .numpy(), torch.tensor(…), torch.no_grad(), argmax or a comparison, "
    "and leave it out.",
    "outputs_detached": "No gradient can flow from the outputs back to the parameters. Look in "
    "the model's forward for .detach(), .data, .numpy(), torch.tensor(…), torch.no_grad(), argmax "
    "or a comparison, and leave it out.",
    "metric_kind": "The metric {name} returned {given}, but must return one number, such as the "
    "mean of it.",
    "metric_failed": "The metric {name} raised {kind}: {detail}. It was given the outputs, "
    "{outputs}, and the targets, {targets}.",
    "out_of_memory": "The memory of {device} is full. Use a smaller batch (it has {rows} rows) "
    'with accumulate to make up for it, a smaller network, or precision="bf16".',
    "gpu_assert": "The GPU met an index that is out of range: most often a class index in the "
    "targets, or one for an embedding, that is negative or too large. Restart the kernel, as the "
    'GPU takes no more work from this one, and train with device="cpu" to be told which.',
    "worker_died": "A worker process of the DataLoader died: {detail}. Most often memory ran out. "
    "Use fewer workers or a smaller batch_size; num_workers=0 loads in this process.",
    "worker_unpickled": "The DataLoader's worker processes could not be started: {detail}. Use "
    "num_workers=0, or define the Dataset in a file and import it.",
    "collate_kind": "The rows of the Dataset cannot be joined to a batch: {detail}. Let "
    "__getitem__ return tensors or numbers (for images: torchvision.transforms.ToTensor()), or "
    "give the DataLoader a collate_fn.",
    "collate_shapes": "The rows of the Dataset cannot be joined to a batch: {detail}. Give all "
    "rows one shape (resize images, pad sequences), or give the DataLoader a collate_fn.",
    "data_failed": "Loading a batch raised {kind}: {detail}. Fix the data and start again; the "
    "weights are as they were.",
    "graph_twice": "The model or the loss keeps a tensor of the step before, and its gradients "
    "are gone. Detach what is carried from one batch to the next: state = state.detach().",
    "in_place": "A tensor that the gradients need was changed in place. Write x = x + 1 where it "
    "says x += 1, and leave out inplace=True and functions that end in _, such as relu_.",
    "no_forward": "{layer} has no forward method. Define it in the class, indented as __init__ "
    "is: def forward(self, x).",
    "forward_arguments": "{model}.forward takes {takes}, but a batch gives it {given}: {detail}. "
    "A batch (x1, x2, y) calls forward(x1, x2); a dictionary calls it by its names.",
    "layer_not_tensor": "{layer} takes one tensor, but is given {given}. nn.LSTM, nn.GRU and "
    "nn.MultiheadAttention return a tuple: take its first entry in a forward method of your own. "
    "Lists and arrays become tensors with torch.as_tensor.",
    "layer_failed": "{layer} raised {kind}: {detail}. Its input is {given}.",
    "operation_failed": "{layer} raised {kind} in {operation}, which was given {shapes}: {detail}. "
    "Its input is {given}.",
    "layer_device": "{layer} has its weights on {wanted}, but its input is on {given}. The "
    "Trainer moves the model and the batches; make further tensors where the inputs are "
    "(device=x.device), and keep layers in nn.ModuleList and constants with register_buffer.",
    "layer_bytes": "{layer} computes in {wanted}, but its input is {given}: whole numbers from 0 "
    "to 255. Convert the images: images.float() / 255.",
    "layer_kind": "{layer} computes in {wanted}, but its input is {given}. Convert the inputs: "
    "inputs.{how}.",
    "layer_flatten": "{layer} takes rows of numbers, but its input is {given}. Put nn.Flatten() "
    "before it: that makes {flat} of it.",
    "batch_missing": "The input of {layer} is {given}: a single example without the batch "
    "dimension. Give batches, or add the dimension: inputs.unsqueeze(0).",
    "layer_width": "{layer} takes {wanted} numbers in the last dimension, but its input, {given}, "
    "has {width}. Make the two equal.",
    "channels_last": "{layer} takes {wanted}, but its input is {given}, with the channels last. "
    "Turn it round: images.{how}.",
    "layer_channels": "{layer} takes {channels} channels, {wanted}, but its input, {given}, has "
    "{count}. Make the two equal.",
    "channel_missing": "{layer} takes {wanted}, but its input, {given}, has no dimension for the "
    "channel. Add it: images.unsqueeze(1).",
    "batch_or_channel_missing": "{layer} takes {wanted}, but its input, {given}, has one "
    "dimension too few. Add that of the batch, inputs.unsqueeze(0), or that of the channels, of "
    "which there must be {channels}.",
    "layer_dimensions": "{layer} takes {wanted}, but its input is {given}. Bring it into that "
    "shape: inputs.{how}.",
    "layer_too_small": "The input of {layer} is {given}: smaller than the window that slides over "
    "it. Use larger inputs, fewer pooling layers or strides, a smaller kernel_size, or padding.",
    "norm_dimensions": "{layer} does not take inputs of as many dimensions as {given} has. Use "
    "{how}.",
    "one_row": "{layer} compares the rows of a batch while it trains, but its input is {given}: "
    "one value a channel. Use a larger batch_size; if only the last batch of an epoch is so "
    "small, a DataLoader with drop_last=True.",
    "layer_ending": "{layer} takes inputs whose shape ends in {wanted}, but its input is {given}. "
    "Make the two equal.",
    "index_kind": "{layer} takes whole numbers (int64) as indices, but its input is {given}. "
    "Convert it: inputs.long().",
    "index_range": "{layer} has the indices 0 to {last}, but its input has {low} to {high}. Give "
    "it a larger num_embeddings, or number the inputs from 0.",
    "outputs_none": "The model returned None, so {loss} has nothing to compare. Its forward lacks "
    "a return at the end.",
    "outputs_kind": "The model returned {given}, but {loss} takes one tensor. Return one tensor "
    "from forward, or give a loss of your own that picks it: def loss(outputs, targets).",
    "targets_kind": "The targets are {given}, but {loss} takes one tensor. Give a tensor (class "
    "names as numbers from 0), or a loss of your own that picks it: def loss(outputs, targets).",
    "loss_devices": "{loss} was given the outputs, {outputs}, and the targets, {targets}, on "
    "different devices. Move what the loss makes or keeps to {device}: tensor.to(outputs.device).",
    "loss_failed": "{loss} raised {kind}: {detail}. It was given the outputs, {outputs}, and the "
    "targets, {targets}.",
    "class_scores": "{loss} takes one score for each class, [batch, classes], but the outputs are "
    "{outputs} (targets: {targets}). Let the last layer have as many outputs as there are "
    "classes, or use BCEWithLogitsLoss for a yes or no.",
    "class_one_hot": "The targets, {targets}, have the shape of the outputs, {outputs}, which "
    "{loss} takes for probabilities and so as floating-point numbers. Give class indices, "
    "targets.argmax(1), or convert them: targets.float().",
    "class_dimension": "{loss} takes the classes in dimension 1, but the outputs, {outputs}, have "
    "them last (targets: {targets}). Swap the dimensions: {how}.",
    "class_extra": "{loss} takes one class index a row, {wanted}, but the targets, {targets}, "
    "have a dimension too many (outputs: {outputs}). Remove it: {how}.",
    "class_shape": "{loss} takes targets of the shape {wanted}, one class index for each output, "
    "but the targets are {targets} and the outputs {outputs}.",
    "class_kind": "{loss} takes class indices as whole numbers (int64), but the targets are "
    "{targets} (outputs: {outputs}). Convert them: targets.long(). For numbers that are no "
    "classes use MSELoss.",
    "rows_unequal": "The outputs, {outputs}, have {rows} rows and the targets, {targets}, have "
    "{count}; {loss} needs one target for each output. Look for a reshape or flatten in the model "
    "that joins rows.",
    "class_range": "The outputs, {outputs}, have the classes 0 to {last}, but the targets, "
    "{targets}, hold {low} to {high}. Number the classes from 0, or give the last layer as many "
    "outputs as there are classes ({loss}).",
    "one_score": "{loss} needs a score for each class, but the outputs, {outputs}, have one "
    "(targets: {targets}, {low} to {high}). Give the last layer as many outputs as there are "
    "classes, or use BCEWithLogitsLoss for a yes or no.",
    "float_targets": "{loss} takes targets as floating-point numbers like the outputs, {outputs}, "
    "but they are {targets}. Convert them: targets.float().",
    "not_probabilities": "{loss} takes probabilities from 0 to 1, but the outputs, {outputs}, "
    "reach from {low} to {high} (targets: {targets}). Use BCEWithLogitsLoss, or nn.Sigmoid() as "
    "the last layer.",
    "targets_range": "{loss} takes targets from 0 to 1, but {targets} reach from {low} to {high} "
    "(outputs: {outputs}). Number the two classes 0 and 1.",
    "shapes_reshape": "{loss} compares number by number, but the outputs are {outputs} and the "
    "targets {targets}. Give both one shape: {how}.",
    "shapes_unequal": "{loss} compares number by number, but the outputs are {outputs} and the "
    "targets {targets}. Let the last layer have as many outputs as a target has numbers.",
    "no_runs": "Give at least one run: a Trainer, a watched run or a History.",
    "not_run": "{given} is not a run. Give a Trainer, a watched run or a History.",
    "names_count": "{given} names were given for {count} runs. Give one for each.",
    "no_control": "{name} cannot be controlled this way: {control} is not one of its controls.",
    "hidden_pairs": "hidden must be a list of pairs of a run's index and a series, or None for "
    "all its series; got {given}.",
    "series_pairs": "series must be a list of pairs of a run's index and the name of a series; got "
    "{given}.",
    "not_callback": "A callback must be a dl_lab.train.callbacks.Callback; got {given}.",
    "callback_failed": "The callback {callback} raised {kind} in {hook}: {detail}. The run has "
    "stopped; model and history are kept. Fix the callback and start again.",
    "observer_failed": "The callback {callback} raised {kind} in {hook}: {detail}. Training goes "
    "on without what it was to do there.",
    "within_hook": "{name} cannot be called within a callback's hook or in the middle of a step. "
    "Call trainer.pause() there, and {name} afterwards.",
    "within_step": "The state cannot be copied in the middle of a step. Do it in a callback's "
    "on_step_end.",
    "trained_by": "{model} is being trained by {run}, and two runs at once would spoil each "
    "other's steps. Pause that one first, with {run}.pause(), or give this run a model and an "
    "optimizer of its own.",
    "trained_held": "{model} is being trained by a run that {run} leads to, and two runs at once "
    "would spoil each other's steps. Pause that one first, or give this run a model and an "
    "optimizer of its own.",
    "trained_shown": "{model} is being trained by a run that a widget on the page shows, and two "
    "runs at once would spoil each other's steps. Press Pause there first, or give this run a "
    "model and an optimizer of its own.",
    "trained_here": "{model} is being trained by a run that the same code has started and that "
    "goes on in the background. Use fit(epochs), which returns when it is done, or give each run "
    "a model and an optimizer of its own.",
    "trained_callback": "{model} is being trained by the very run that calls this, in a callback "
    "or between two of its steps. Start the other run when this one has ended.",
    "trained_loop": "{model} is being trained by a loop that dl_lab.watch follows. Pause or end "
    "that loop first, or give this run a model and an optimizer of its own.",
    "trained_late": "{model} is being trained by a run that has not come to the end of its step "
    "within {seconds} seconds. Try again when that step is done.",
    "models_shared": "{first} and {second} train the same weights, and two runs at once would "
    "spoil each other's steps; nothing was started. Build a model and an optimizer for each: call "
    "the code that makes them once for each run.",
    "compare_start": "{name} cannot be started from here: only a Trainer can. Leave out epochs to "
    "show the runs as they are.",
    "gave_way": "The earlier run {name} is paused: its cell was run again, or its name now stands "
    "for another run. A run that is to go on needs a variable and a model of its own.",
    "running": "A trainer that runs cannot do that. Pause it first.",
    "device": "device cannot be {given}: this machine does not have it. Choose one of: {allowed}.",
    "precision_device": "precision cannot be {given} on {device}. Use bf16 on the CPU or CUDA, "
    "fp16 on CUDA, fp32 anywhere.",
    "closure_scaled": "{optimizer} computes the loss itself, which does not go with fp16's "
    'scaled gradients. Use precision="bf16" or "fp32".',
    "numbers_many": "{name} must be {count} numbers; got {given}.",
    "trainer_rate": "A Trainer has no {name}. Its learning rate is trainer.learning_rate; other "
    "settings of the optimizer change with trainer.tune(…).",
    "trainer_fixed": "{name} is given when a Trainer is made and stays. Make another: Trainer(…, "
    "{name}=…).",
    "optimizer_refuses": "{optimizer} refuses {given}: {detail}.",
    "not_scheduler": "schedulers must be those of the optimizer, such as "
    "torch.optim.lr_scheduler.StepLR(optimizer, 10); got {given}.",
    "unnamed_values": "Each number needs a name for its curve: run.log(loss=…).",
    "no_loss": "loss must be a function or a module that gives one number, such as "
    "torch.nn.MSELoss(); got {given}.",
    "data_needed": "There is no training data yet. Set it with trainer.set_data(train, "
    "validation).",
    "not_finite_data": "The data of {name} hold numbers that are NaN or infinite ({count} of "
    "them), and in epoch {epoch} the loss became {value}. Leave those rows out or fill them in. "
    "The weights of epoch {kept} are back.",
    "cannot_wait": "{name} waits until steps are done, and none can begin before this hook or "
    "function has ended. Call {name} after it; in it, trainer.start() trains on without waiting.",
    "loss_class": "loss must be a function or a module, and {given} is a class. Make one of it: "
    "{given}().",
    "callback_class": "A callback must be an object, and {given} is a class. Make one of it: "
    "{given}().",
    "not_trainer": "A Trainer is needed, which knows the loss, the optimizer and the data; got "
    "{given}. Make one: dl_lab.Trainer(model, loss, optimizer, train).",
    "batches_differ": "{name} is a list of batches that do not fit together: {given}. For inputs "
    "and targets give a tuple: (inputs, targets).",
    "no_checkpoint": "No state of step {given} is kept. Go back to one of: {allowed}.",
    "other_model": "The state is of another model: {name} is {there} there and {here} here. "
    "Build the model as it was when it was saved.",
    "surface_kind": "surface must be a function of a tensor of two numbers, such as "
    "lambda p: p[0] ** 2 + p[1] ** 2, or one of: {allowed}; got {given}.",
    "surface_failed": "The surface {name} raised {kind}: {detail}. It is given a tensor of two "
    "numbers, p[0] and p[1], and returns one.",
    "surface_returns": "The surface {name} must return a tensor with one number; got {given}. It "
    "is given one place, a tensor of two numbers, p[0] and p[1].",
    "surface_detached": "No gradient can flow from what the surface {name} returns back to its "
    "argument. Compute it with torch from p, and leave out .item(), .detach() and numpy.",
    "surface_nan": "At the start, ({x}, {y}), the surface {name} is {value}, so no optimizer can "
    "begin there. Give another place: start=(x, y).",
    "ends": "{name} must be two numbers, the lower first, such as (-4, 4); got {given}.",
    "tuned_kind": "{name} must map optimizers to their settings, such as "
    "dict(Adam=dict(lr=0.1)); got {given}.",
    "not_optimizer_class": "optimizers must be classes of torch.optim, their names, your own "
    "classes, or functions that make an optimizer from a list of parameters; got {given}.",
    "optimizer_not_made": "{name} raised {kind} when it was made for one tensor of two numbers: "
    "{detail}. Give it what it needs, such as functools.partial({name}, lr=0.1).",
    "race_failed": "{name} raised {kind} in step {step}: {detail}.",
    "basins_together": "{name} goes other ways when many starts are in one tensor than each would "
    "alone, so there is no map of them. Choose an optimizer that treats each weight by itself, "
    "such as SGD or Adam.",
    "landscape_large": "This network has {count} weights, and a landscape takes up to {most}. Show "
    "a smaller network.",
    "landscape_copy": "{name} cannot be copied, as a landscape needs: {kind}: {detail}. Keep "
    "tensors that are computed out of its attributes, or give the class a __deepcopy__.",
    "path_still": "The run has not moved yet: all its recorded weights are the same. Train it "
    "first.",
    "minima_same": "Both minima are the same weights, so there is no line to join them. Give "
    "other= the weights of another training.",
    "nothing_to_undo": "The weights are where they were at first: there is nothing to undo.",
    "state_not_kept": "There is no way back to where {name} stands: a {kind} that has begun can be "
    "neither copied nor put back. Hold what it is made from, and begin it anew where it is needed.",
    "state_structure": "The state does not fit: {name} is {there} there, where {here} is needed. "
    "Use what Trainer.save or state_dict made; nothing has changed.",
    "state_not_made": "The state holds a {there} as {name}, and {here} here has no room for it. "
    "Create the object as it was when it was saved, or keep tensors and plain values there; "
    "nothing has changed.",
    "state_failed": "The state cannot be taken ({kind}: {detail}). Use what Trainer.save or "
    "state_dict made; nothing has changed.",
    "other_kind": "The state is of the optimizer {there}; this one is {here}. Use the same kind.",
    "other_groups": "The optimizer of the state has groups of {there} parameters; this one has "
    "{here}. Build the optimizer as it was when it was saved.",
    "give_loss": "The file does not tell how to make its loss anew. Give it: Trainer.load(path, "
    "model, loss).",
    "give_optimizer": "The file's optimizer, {kind}, is none of torch.optim. Give it: "
    "Trainer.load(path, model, optimizer=…).",
    "lacks_parameter": "The model has no parameter {name}, which the file's optimizer trains. "
    "Build the model as it was when it was saved.",
    "devices_mixed": "{layer} computes with tensors on different devices: {detail}. Its input is "
    "{given}. Make new tensors where the inputs are (device=x.device), and keep constants with "
    "register_buffer, so that they move along with the model.",
    "loop_failed": "The loop raised {kind} after step {step}: {detail}. Fix it and run its cell "
    "again.",
    "loop_interrupted": "The loop was interrupted after step {step}. Run its cell again to start "
    "it anew.",
    "unattended": "Paused: for {time} no page has shown this run. Start it again to go on.",
    "view_gone": "Paused: the view with the Pause button was closed. Start it again to go on.",
    "own_loop": "This run is a loop of your own: run its cell to start it.",
    "no_optimizer": "This run has no optimizer. Name one when you create the run: "
    "dl_lab.watch(model, optimizer).",
    "step_back": "Step {given} was logged after step {last}; steps can only grow. Leave step out "
    "to count the calls of log.",
    "not_one_number": "{name} must be one number; got {given}. Log its mean or another number "
    "that stands for it.",
    "conv_layer": "The ConvolutionExplorer cannot show {given}. Give one of: {allowed}.",
    "conv_dims": "input_size must have one entry (length) or two (height, width); got {given}.",
    "conv_entries": "{name} must be one number or {dims} of them; got {given}.",
    "conv_not_taken": "{layer} takes no {name}. Leave it out, or change kind.",
    "conv_padding_word": "{layer} takes no padding={given}. Give padding as a number.",
    "conv_stack": "{layers} layers one after the other are shown for nn.Conv1d with one channel. "
    "Use layers=1, or one dimension and in_channels=1, out_channels=1.",
    "conv_causal_zeros": "Causal padding is zeros before the first input; padding_mode {given} "
    "does not go with it.",
    "conv_weights": "The layer has {count} weights; at most {most} can be shown. Use fewer "
    "channels.",
    "conv_groups_in": "in_channels must be divisible by groups: {channels} channels cannot be "
    "split into {groups} equal groups.",
    "conv_groups_out": "out_channels must be divisible by groups: {channels} channels cannot be "
    "split into {groups} equal groups.",
    "conv_same_strided": "padding='same' is not supported for strided convolutions: stride is "
    "{stride}. Use stride 1, or a number for padding.",
    "conv_kernel_large": "Kernel size can't be greater than actual input size: kernel {kernel} "
    "with dilation {dilation} spans {span}, and the padded input has {padded}. Use a smaller "
    "kernel_size or dilation, or more padding.",
    "conv_reflect": "Padding size should be less than the corresponding input dimension: "
    "padding_mode 'reflect' has {size} cells to reflect, and padding is {padding}.",
    "conv_circular": "Padding value causes wrapping around more than once: padding_mode "
    "'circular' has {size} cells to repeat, and padding is {padding}.",
    "conv_output_padding": "output_padding must be smaller than either stride or dilation: it is "
    "{given}, stride {stride} and dilation {dilation}.",
    "conv_output_small": "Output size is too small: the calculated output size is {output}. Use "
    "less padding, or a larger input or kernel_size.",
    "conv_output_large": "The output has {output} cells; at most {most} can be shown. Use a "
    "smaller stride or input.",
    "conv_pool_padding": "pad should be at most half of kernel size: padding is {padding} and "
    "kernel_size {kernel}.",
    "conv_pool_small": "Output size is too small: the calculated output size is {output}. The "
    "window spans {span} and the padded input has {padded}; use a smaller kernel_size.",
    "conv_not_linear": "A max pool is not linear: no matrix gives what it does. Take average "
    "pooling or a convolution.",
    "conv_matrix_large": "The matrix would have {rows} × {columns} entries; at most {most} are "
    "computed. Use a smaller input or fewer channels.",
    "conv_input": "x must be a tensor of one image or sequence, {wanted}; its shape is {given}.",
    "conv_preset": "Give either a layer or a preset.",
    "kernel_shape": "kernel must be a name, or numbers of the shape [k, k] or [{channels}, k, k] "
    "with k from 1 to {most}; got {given}.",
    "kernel_not_finite": "kernel must hold numbers between -1,000,000 and 1,000,000 only.",
    "kernel_names": "kernel must be one name, or {channels} names, one for each channel; got "
    "{given}.",
    "kernel_too_wide": "There is no output: the kernel reaches over {reach}×{reach} pixels, but "
    "the padded image has only {height}×{width}. Use more padding, less dilation or a smaller "
    "kernel.",
    "padding_reflect": "There is no output: an image of {height}×{width} pixels cannot be "
    "reflected by {given}; that must be fewer than it has on each side. Use less padding or "
    "another way of padding.",
    "padding_circular": "There is no output: an image of {height}×{width} pixels cannot be "
    "continued by {given}; that must be at most as many as it has on each side. Use less padding "
    "or another way of padding.",
    "padding_amount": 'padding must be "same" or a whole number between 0 and {most}; got {given}.',
    "image_batch": "{name} holds {count} images ({given}). Give one of them, such as images[0].",
    "one_image": "{name} must be one image, [height, width], [channels, height, width] or [1, "
    "channels, height, width]; got {given}.",
    "image_channels_last": "{name} must have its channels first, but is {given}. Turn it round: "
    "{how}.",
    "image_size": "{name} must have 1 to {most} pixels on each side and 1 to {channels} channels; "
    "got {given}.",
    "image_not_finite": "{name} holds NaN or infinite values. Replace them: "
    "torch.nan_to_num(image).",
    "not_conv2d": "layer must be an nn.Conv2d, such as model.conv1; got {given}.",
    "filter_not_square": "The kernels of this layer are {given}; only square ones of at most "
    "{most}×{most} can be shown.",
    "filter_size": "The kernel is {given}, but those of the layer are {wanted}. Change its size "
    "first.",
    "filter_computed": "The weight of {layer} is computed from other parameters, so a filter "
    "cannot be written to it. Remove the parametrization first.",
    "filter_channels": "A filter over all {wanted} channels needs an image of as many; this one "
    "has {given}. Choose a single input channel, or another image.",
    "no_filter": "This explorer has no layer. Make one with it: KernelExplorer(image, "
    "layer=model.conv1).",
    "filter_not_taken": "No filter was taken from the layer. Choose one first.",
    "filter_not_written": "Nothing was written to the layer that could be undone.",
    "layer_unknown": "How {layer} ({kind}) computes is not known here in numbers. Its activations, "
    "gradients and what it sees of the input can be shown all the same.",
    "formula_differs": "The formula is not known for {layer} ({kind}): with what went in it would "
    "give {result}, but the layer answered {value}. Something else takes part, such as a random "
    "number, or weights that have changed since.",
    "formula_hooked": "The formula is not known for {layer} ({kind}): it would give {result}, but "
    "a forward hook takes part, and the answer is {value}.",
    "formula_failed": "The formula is not known for {layer} ({kind}): working it out raised "
    "{error}: {detail}",
    "no_place": "{layer} has no unit at {given}; its activations have the shape {shape}.",
    "no_scores": "The network does not return class scores, [rows, classes]. You can still look "
    "at its layers; if one of its answers has scores, give the names of the classes.",
    "no_gradient": "{layer} has no gradient with respect to the input: the input holds whole "
    "numbers, or the model leaves autograd on the way (detach, no_grad, numpy).",
    "no_gradient_back": "No gradient flows from the class's score back to {layer}: the score does "
    "not depend on it, or the model leaves autograd on the way (detach, no_grad, numpy).",
    "gradient_failed": "The gradient of the score could not be computed ({detail}). A model that "
    "differentiates in its forward must keep the graph: torch.autograd.grad(…, create_graph=True).",
    "sparse_input": "This way of asking changes the input bit by bit, and this one is sparse. "
    "Choose saliency, or give x.to_dense() if the model takes that.",
    "no_occlusion": "Occlusion hides parts of the input behind its mean. This input holds whole "
    "numbers, such as words, which have none: choose another way.",
    "no_maps": "{layer} has no maps. Choose a convolution for Grad-CAM.",
    "no_convolution": "Grad-CAM needs a convolution, and this network does not have one. Choose "
    "another way.",
    "no_examples": "x must be a tensor or an array, or several of these nested as the model takes "
    "them, and hold at least one row; got {given}.",
    "batch_dim_count": "batch_dim is {batch_dim}, but x has {count} tensors: {given}. Give one "
    "dimension for all, or one for each, with None for a tensor that goes along with each example.",
    "batch_dim_missing": "batch_dim is {batch_dim}, and x is {given}, which has no such dimension. "
    "Dimensions count from 0.",
    "batch_dim_differs": "batch_dim is {batch_dim}, and x is {given}: along it the tensors have "
    "{counts} entries. They must have equally many, at least one, or None in batch_dim.",
    "whole_or_batch": "whole=True gives x to the model as it is, and batch_dim cuts it into "
    "examples. Give only one of the two.",
    "not_drawable": "The network's input is not an image with one or three colours, so nothing can "
    "be drawn for it. Choose one of the examples.",
    "drawn_size": "The picture is {given}, but the network takes {size}.",
    "classes_count": "{given} class names were given, but the network tells {count} classes apart. "
    "Give one name for each.",
    "trainer_model": "The trainer trains another model than the one that was given. Give both the "
    "same, such as LayerViewer(trainer.model, x, trainer=trainer).",
    "script_module": "{name} was made by torch.jit, and its layers cannot be listened to. Give the "
    "module that it was made from.",
    "model_depends": "The model answers an example among others otherwise than alone, so that x, "
    "{given}, cannot be cut into examples. Say how to read it: whole=True gives all at once to the "
    "model, batch_dim=0 each row alone.",
    "model_refused": "The model raised {kind}: {detail}. x is {given}, and was tried as it is and "
    "cut into examples. Give it as the model takes it; where the examples lie along another "
    "dimension, name that with batch_dim=1, and give whole=True for one input that cannot be cut.",
    "model_failed": "The model raised {kind}: {detail}. Its input is {given}.",
    "loop_busy": "The cell that trains this network has not called viewer.update() for {seconds} "
    "seconds. Ask again when it has, or when the cell is done.",
    "layer_empty": "{layer} returned nothing for this input: its answer has the shape {shape}, as "
    "that of a detector that finds nothing.",
    "layer_no_tensor": "{layer} returns no numbers that could be shown.",
    "backprop_nothing": "There is no function of your own to show. Give one, Backprop(model, x, "
    "y) or Backprop(function, 0.6, 1.0), or choose an example.",
    "backprop_raised": "The function raised {kind}: {detail}. Call it by itself with the same "
    "arguments to see where.",
    "backprop_output": "Backpropagation begins with one real number, and the function returned "
    "{given}. Return a scalar, such as values.sum(), or give targets: Backprop(model, x, y).",
    "backprop_constant": "No gradient reaches any of the {count} tensors that the function is "
    "given: what it returns does not depend on them, or only by way of detach, item, numpy or "
    "torch.no_grad. Compute with the tensors themselves.",
    "backprop_operations": "The function does more than {most} operations, and the graph shows "
    "at most so many. Give a smaller network, or a part of this one.",
    "backprop_numbers": "{name} has {given} numbers, and the graph shows tensors of at most "
    "{most}. Give fewer examples or smaller layers.",
    "backprop_expression": "{given} cannot be read as an expression ({detail}). Write it as in "
    "Python, with numbers, names, + - * / ** @ and these functions: {allowed}.",
    "backprop_inputs": "The expression has {count} inputs ({names}); got {given} values. Give "
    "one for each, in this order.",
    "backprop_tensor": "{name} must be a number or a dense tensor of real numbers, not empty; "
    "got {given}.",
    "backprop_fixed": "{name} holds whole numbers, such as classes, which cannot be edited here. "
    "Give others when you make the widget.",
    "backprop_views": "The function writes into a part of a tensor in a way that the graph "
    "cannot follow: it would show {found} instead of {expected}. Write it without operations in "
    "place, such as y = 2 * x[0] for x[0].mul_(2).",
    "target_nothing": "There is no function or set of points of your own. Give one, "
    "UniversalApproximation(function) or UniversalApproximation(points=(x, y)), or choose a "
    "target.",
    "target_raised": "The function raised {kind}: {detail}. It is called with tensors, one for "
    "each of its arguments; compute with torch, such as torch.sin(x).",
    "target_shape": "The function must return one number for each of {count} places; got {given}.",
    "target_infinite": "The function is not a finite number at {place}. Choose another domain, "
    "such as domain=(0.1, 1).",
    "points_kind": "points must be a pair (x, y) of numbers; got {given}.",
    "points_shape": "Points need x of shape [n] or [n, 2] and y of shape [n], with n from 2 to "
    "10,000; got {x} and {y}.",
    "points_infinite": "A value is NaN or infinite. Leave it out.",
    "domain": "domain must be a pair of numbers, the lower one first, such as (0, 1); got {given}.",
}


class InputError(ValueError):
    """A value that cannot be used, told in one sentence.

    Parameters
    ----------
    key
        The sentence in `SENTENCES`.
    **params
        What goes into its placeholders; shown as text, long ones shortened.

    Examples
    --------
    >>> str(InputError("number", name="noise", low=0, high=50, given=80))
    'noise must be a number between 0 and 50; got 80.'
    """

    def __init__(self, key: str, **params: object) -> None:
        self.key = key
        self.params = {name: _text(value) for name, value in params.items()}
        super().__init__(SENTENCES[key].format_map(self.params))

    def _render_traceback_(self) -> list[str]:
        """Show in a notebook as the sentence alone; IPython asks for this."""
        return [f"{type(self).__name__}: {self}"]

    @classmethod
    def unknown(cls, name: str, given: object, allowed: Iterable[object]) -> InputError:
        """Say that `given` is none of `allowed`, and which of them is nearest."""
        choices = ["None" if choice is None else str(choice) for choice in allowed]
        near = difflib.get_close_matches(_text(given), choices, n=1)
        listed = ", ".join(choices)
        if near:
            return cls("choice_near", name=name, given=shown(given), near=near[0], allowed=listed)
        return cls("choice", name=name, given=shown(given), allowed=listed)


def shown(value: object) -> str:
    """Return a value as Python writes it, shortened where that is long, whatever it is.

    Examples
    --------
    >>> shown("one"), len(shown([0] * 10**6)) < 500
    ("'one'", True)
    """
    return shortened(_REPR.repr(value))


def shortened(text: str) -> str:
    """Return a text without its middle where it is long.

    Examples
    --------
    >>> shortened("short"), len(shortened("long" * 10**6)) < 500
    ('short', True)
    """
    if len(text) <= _MOST:
        return text
    return f"{text[: _MOST * 3 // 4]} … {text[-_MOST // 5 :]}"


def said(error: BaseException) -> str:
    """Return what an error says, whatever its class makes of that.

    Examples
    --------
    >>> class Odd(Exception):
    ...     def __str__(self):
    ...         raise RuntimeError
    >>> said(KeyError("x")), said(Odd())
    ("'x'", 'Odd()')
    """
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # whatever people write
        return shown(error)


def _text(value: object) -> str:
    try:
        return shortened(str(value))
    except Exception:  # noqa: BLE001  # an integer of too many digits, and whatever people write
        return shown(value)


class _Repr(reprlib.Repr):
    """Writes the beginning of what is large, and something of what cannot be written."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxlong = self.maxother = _MOST
        self.maxtuple = self.maxlist = self.maxdict = self.maxset = self.maxfrozenset = _MOST // 10
        self.maxarray = self.maxdeque = _MOST // 10

    def repr_int(self, x: int, level: int) -> str:
        if abs(x) < _HUGE:
            return super().repr_int(x, level)
        # Python refuses to write out thousands of digits.
        about = f"≈ {'-' if x < 0 else ''}1e{math.log10(abs(x)):.0f}"
        return about if abs(x) <= sys.float_info.max else f"{about}, beyond ±1.8e308"


_MOST = 400
_HUGE = 10**40
_REPR = _Repr()


def number(name: str, given: object, low: float, high: float) -> float:
    """Return `given` as a float if it is a number from `low` to `high`, or raise `InputError`."""
    if not isinstance(given, bool) and isinstance(given, numbers.Real):
        try:
            value = float(given)
        except OverflowError:  # an integer beyond 1e308
            value = math.nan
        if low <= value <= high:
            return value
    raise InputError("number", name=name, low=f"{low:.9g}", high=f"{high:.9g}", given=shown(given))


def whole(name: str, given: object, low: int, high: int) -> int:
    """Return `given` as an int if it is a whole number from `low` to `high`, or raise."""
    if not isinstance(given, bool) and isinstance(given, numbers.Integral):
        value = int(given)
        if low <= value <= high:
            return value
    raise InputError("whole", name=name, low=low, high=high, given=shown(given))


def refuse_unknown(cls: type, unknown: Mapping[str, object], known: Sequence[str]) -> None:
    """Raise TypeError for keyword arguments that do not exist, naming the nearest that does."""
    for name in unknown:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        listed = ", ".join(known)
        raise TypeError(f"{cls.__name__} has no argument {shown(name)}.{hint} It takes: {listed}.")
