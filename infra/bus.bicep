// The queue to the GPU. A message that was delivered ten times or is buried by the worker waits in the dead letters; one that is sent twice within ten minutes counts once.

param location string
param token string
param tags object

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: 'sb-${token}'
  location: location
  tags: tags
  sku: { name: 'Standard', tier: 'Standard' }
  properties: { disableLocalAuth: true, minimumTlsVersion: '1.2' }

  resource jobs 'queues' = {
    name: 'sana-jobs'
    properties: {
      deadLetteringOnMessageExpiration: true
      defaultMessageTimeToLive: 'P14D'
      duplicateDetectionHistoryTimeWindow: 'PT10M'
      lockDuration: 'PT5M'
      maxDeliveryCount: 10
      requiresDuplicateDetection: true
      requiresSession: false
    }
  }
}

output namespace string = namespace.name
