import dl_lab

images, labels = dl_lab.data.mnist().test
widget = dl_lab.LayerViewer(dl_lab.nets.lenet5(pretrained=True), images[:20])
